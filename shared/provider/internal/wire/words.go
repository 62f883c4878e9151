package wire

import "regexp"

// Words by which processors that publish no codes tell why they say no: trouble of
// their own, which leaves open what was done, and that they do not know the trade.
var (
	SpeaksOfTrouble = regexp.MustCompile(`(?i)\b(system|timeout|timed out|busy|try again|retry)\b|系统|超时|繁忙|稍后`)
	SpeaksOfAbsence = regexp.MustCompile(`(?i)not found|not exist|no such|不存在`)
)

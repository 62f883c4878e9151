package template

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// spellings are the values that AWS takes where we write one.
var spellings = map[string][]string{
	"AttributeType":       {"S", "N", "B"},
	"AuthType":            {"NONE", "AWS_IAM"},
	"BillingMode":         {"PAY_PER_REQUEST", "PROVISIONED"},
	"BuildMethod":         {"makefile"},
	"ComparisonOperator":  {"GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"},
	"DeletionPolicy":      {"Retain", "Delete"},
	"Effect":              {"Allow", "Deny"},
	"InvokeMode":          {"BUFFERED", "RESPONSE_STREAM"},
	"KeyType":             {"HASH", "RANGE"},
	"LogFormat":           {"Text", "JSON"},
	"ProjectionType":      {"KEYS_ONLY", "INCLUDE", "ALL"},
	"SSEType":             {"KMS"},
	"StartingPosition":    {"TRIM_HORIZON", "LATEST"},
	"Statistic":           {"Sum", "Maximum", "Minimum", "Average", "SampleCount"},
	"StreamViewType":      {"NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY"},
	"TreatMissingData":    {"notBreaching", "breaching", "ignore", "missing"},
	"UpdateReplacePolicy": {"Retain", "Delete"},
}

func TestSpellings(t *testing.T) {
	t.Parallel()
	tpl := load(t)
	found := map[string]bool{}
	walk(tpl, func(name string, value any) {
		text, ok := value.(string)
		if !ok {
			return
		}
		if set, ok := spellings[name]; ok {
			found[name] = true
			if !slices.Contains(set, text) {
				t.Errorf("%s: %q is none of %v", name, text, set)
			}
		}
		if name == "Schedule" || name == "ScheduleExpression" {
			if err := schedule(text); err != nil {
				t.Errorf("%s: %q: %v", name, text, err)
			}
		}
	})
	for _, must := range []string{"AuthType", "BillingMode", "StreamViewType", "ProjectionType", "InvokeMode"} {
		if !found[must] {
			t.Errorf("no %s anywhere", must)
		}
	}
	for _, arch := range at(tpl, "Parameters", "Arch", "AllowedValues").([]any) {
		if arch != "arm64" && arch != "x86_64" {
			t.Errorf("Arch: Lambda knows no %v", arch)
		}
	}
}

var rate = regexp.MustCompile(`^rate\(([1-9]\d*) (minute|hour|day)(s?)\)$`)

// schedule checks an EventBridge expression: rate(1 minute), rate(5 minutes), or
// cron( with six fields, one of the two days being ?.
func schedule(expr string) error {
	if m := rate.FindStringSubmatch(expr); m != nil {
		if n, err := strconv.Atoi(m[1]); err != nil || (n == 1) != (m[3] == "") {
			return fmt.Errorf("%s does not go with %s%s", m[1], m[2], m[3])
		}
		return nil
	}
	inner, ok := strings.CutPrefix(expr, "cron(")
	inner, closed := strings.CutSuffix(inner, ")")
	fields := strings.Fields(inner)
	switch {
	case !ok || !closed:
		return errors.New("neither rate(1 minute) nor cron(...)")
	case len(fields) != 6:
		return fmt.Errorf("cron has %d fields, want 6", len(fields))
	case (fields[2] == "?") == (fields[4] == "?"):
		return errors.New("exactly one of day-of-month and day-of-week must be ?")
	}
	return nil
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	cases := []struct {
		in string
		ok bool
	}{
		{"rate(1 minute)", true}, {"rate(5 minutes)", true}, {"rate(1 day)", true}, {"cron(0 8 * * ? *)", true},
		{"rate(1 minutes)", false}, {"rate(5 minute)", false}, {"rate(0 minutes)", false}, {"rate(30 seconds)", false},
		{"rate(1minute)", false}, {"cron(0 8 * * * *)", false}, {"cron(0 8 * * ?)", false}, {"every minute", false},
	}
	for _, c := range cases {
		if err := schedule(c.in); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.in, err)
		}
	}
}

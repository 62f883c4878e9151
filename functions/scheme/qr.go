package scheme

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strconv"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// Sizes of a QR code's picture, in modules and pixels.
const (
	quiet = 4  // light modules around the code, as the standard asks
	pixel = 10 // pixels of a module's side in PNG
)

// picture draws the QR code of a link's URL. Campaigns' are cached, payment pages' not.
func (f *function) picture(w http.ResponseWriter, r *http.Request, id, kind string) {
	l, _, ok := f.find(w, r, f.get(r.Context(), id))
	if !ok {
		return
	}
	draw, mime := svgOf, "image/svg+xml"
	if kind == "png" {
		draw, mime = pngOf, "image/png"
	}
	code, err := encode(f.base(r.Host) + "/" + id)
	var body []byte
	if err == nil {
		body, err = draw(code)
	}
	if err != nil {
		f.notNow(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mime)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "public, max-age=3600")
	if l.OutTradeNo != "" {
		h.Set("Cache-Control", "no-store")
	}
	_, _ = w.Write(body)
}

// modules is a QR code without its quiet zone, dark ones true, row by row.
type modules [][]bool

func encode(text string) (modules, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, errors.New("scheme: the URL is too long for a QR code")
	}
	size := code.Bounds().Dx()
	rows := make(modules, size)
	for y := range rows {
		rows[y] = make([]bool, size)
		for x := range rows[y] {
			rows[y][x] = code.At(x, y) == color.Black
		}
	}
	return rows, nil
}

// svgOf draws runs of dark modules as one path.
func svgOf(m modules) ([]byte, error) {
	side := strconv.Itoa(len(m) + 2*quiet)
	var b bytes.Buffer
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ` + side + ` ` + side + `" shape-rendering="crispEdges">` +
		`<path fill="#fff" d="M0 0h` + side + `v` + side + `H0z"/><path fill="#000" d="`)
	for y, row := range m {
		for x := 0; x < len(row); x++ {
			run := 0
			for x+run < len(row) && row[x+run] {
				run++
			}
			if run > 0 {
				b.WriteString("M" + strings.Join([]string{strconv.Itoa(x + quiet), strconv.Itoa(y + quiet)}, " ") +
					"h" + strconv.Itoa(run) + "v1h-" + strconv.Itoa(run) + "z")
				x += run
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.Bytes(), nil
}

func pngOf(m modules) ([]byte, error) {
	side := (len(m) + 2*quiet) * pixel
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range side {
		for x := range side {
			row, column := y/pixel-quiet, x/pixel-quiet
			if row >= 0 && row < len(m) && column >= 0 && column < len(m) && m[row][column] {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}

package standin

import (
	"bytes"
	"hash/fnv"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
)

// maxBytes bounds what /img/big sends.
const maxBytes = 1 << 30

// picture sends the picture of a page as GIF. A size in the query wins over the
// page's, and an unknown name gets a picture too, so that load can be made
// without pages.
func (s *server) picture(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/img/"), ".gif")
	s.mu.Lock()
	p, ok := s.pages.byName[name]
	if !s.config.KeepPages {
		delete(s.pages.byName, name)
	}
	s.mu.Unlock()
	if !ok {
		p = page{url: name, width: defaultWidth, height: defaultHeight}
	}
	query := r.URL.Query()
	img := drawText(side(query.Get("w"), p.width), side(query.Get("h"), p.height), p.url)
	var b bytes.Buffer
	if err := gif.Encode(&b, img, nil); err != nil {
		http.Error(w, "the picture could not be made", http.StatusInternalServerError)
		return
	}
	noCache(w, "image/gif")
	w.Header().Set("Content-Length", itoa(b.Len()))
	w.Write(b.Bytes())
}

// drawText returns a picture of what looks like lines of text from afar. The
// same seed gives the same picture.
func drawText(width, height int, seed string) image.Image {
	sum := fnv.New64a()
	sum.Write([]byte(seed))
	random := rand.New(rand.NewPCG(sum.Sum64(), 0))

	white, black := color.White, color.Black
	blue := color.RGBA{B: 0x99, A: 0xff}
	img := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{white, black, blue})
	bar := func(x, y, w, h int, c color.Color) {
		draw.Draw(img, image.Rect(x, y, x+w, y+h).Intersect(img.Rect), image.NewUniform(c), image.Point{}, draw.Src)
	}
	const margin, line, letter = 8, 12, 6
	bar(0, 0, width, 2*line, blue)
	for y := 3 * line; y < height-line; y += line {
		for x := margin; x < width-margin; x += letter {
			for range 1 + random.IntN(9) { // the letters of a word
				bar(x, y, letter-2, 3+random.IntN(line-5), black)
				x += letter
			}
		}
	}
	return img
}

// big sends as many bytes as the query asks for, to measure throughput with.
func (s *server) big(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.ParseInt(r.URL.Query().Get("bytes"), 10, 64)
	if err != nil || n < 0 || n > maxBytes {
		http.Error(w, "bytes must be a number from 0 to 1073741824", http.StatusBadRequest)
		return
	}
	noCache(w, "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	if r.Method == http.MethodHead {
		return
	}
	block := make([]byte, 64<<10)
	for i := range block {
		block[i] = byte(i * 31)
	}
	for n > 0 {
		m, err := w.Write(block[:min(n, int64(len(block)))])
		if err != nil {
			return // the client has gone
		}
		n -= int64(m)
	}
}

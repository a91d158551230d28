package standin

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// The size of a picture when the request does not say, and the largest one.
const (
	defaultWidth  = 1152
	defaultHeight = 600
	maxSide       = 2048
)

// maxPages bounds how many pages a stand-in remembers; the oldest goes first.
const maxPages = 64

// A page is what a picture and a map belong to.
type page struct {
	url           string
	width, height int
}

// pages holds the pages shown last, by the name their picture and map have.
type pages struct {
	byName map[string]page
	order  []string // oldest first; may name pages that are gone already
	last   int
}

func newPages() pages { return pages{byName: make(map[string]page)} }

// add remembers p and returns its name.
func (ps *pages) add(p page) string {
	ps.last++
	name := itoa(ps.last)
	ps.byName[name] = p
	ps.order = append(ps.order, name)
	if len(ps.order) > maxPages {
		delete(ps.byName, ps.order[0])
		ps.order = ps.order[1:]
	}
	return name
}

// page shows the form, and the page that was asked for if there is one.
func (s *server) page(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	p := page{url: r.FormValue("url")}
	p.width, p.height = size(r)
	if len(p.url) < 4 {
		noCache(w, "text/html")
		writeForm(w, p)
		return
	}
	if !strings.HasPrefix(p.url, "http") {
		p.url = "http://search.invalid/?q=" + url.QueryEscape(p.url)
	}
	s.show(w, r, p)
}

// click answers a click into the picture of a page with another page.
func (s *server) click(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/map/"), ".map")
	s.mu.Lock()
	p, ok := s.pages.byName[name]
	s.mu.Unlock()
	// WRP answers mistakes with 200 and a sentence, and so clients expect it.
	if !ok {
		fmt.Fprintf(w, "There is no map %s\n", html.EscapeString(name))
		return
	}
	var x, y int
	if n, _ := fmt.Sscanf(r.URL.RawQuery, "%d,%d", &x, &y); n != 2 {
		fmt.Fprintln(w, "Two coordinates are wanted")
		return
	}
	// Where a click leads has to look different from where it came from.
	p.url = fmt.Sprintf("%s#%d,%d", strings.SplitN(p.url, "#", 2)[0], x, y)
	s.show(w, r, p)
}

// show sends a page with its picture, once the browser is there.
func (s *server) show(w http.ResponseWriter, r *http.Request, p page) {
	if s.waitForBrowser(r.Context()) != nil {
		return // the client has gone
	}
	s.mu.Lock()
	name := s.pages.add(p)
	s.mu.Unlock()
	noCache(w, "text/html")
	writeForm(w, p)
	fmt.Fprintf(w, `<a href="/map/%s.map"><img src="/img/%s.gif" width="%d" height="%d" border="0" alt="%s" ismap></a>`+"\n",
		name, name, p.width, p.height, html.EscapeString(p.url))
}

// writeForm writes the part that every page begins with.
func writeForm(w http.ResponseWriter, p page) {
	fmt.Fprintf(w, `<html><head><title>WRP stand-in</title></head><body bgcolor="#ffffff">
<form action="/" method="post">
<input type="text" name="url" value="%s" size="20"><input type="submit" value="Go">
width <input type="text" name="w" value="%d" size="4"> height <input type="text" name="h" value="%d" size="4">
colours <input type="text" name="c" value="216" size="4"> kind <input type="text" name="t" value="gif" size="4">
</form>
`, html.EscapeString(p.url), p.width, p.height)
}

// size reads the width and height that a request asks for, within bounds.
func size(r *http.Request) (width, height int) {
	return side(r.FormValue("w"), defaultWidth), side(r.FormValue("h"), defaultHeight)
}

// side reads one of them. What is missing, no number or 0 ("as high as it
// needs") becomes byDefault.
func side(text string, byDefault int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return byDefault
	}
	return min(n, maxSide)
}

func itoa(n int) string { return strconv.Itoa(n) }

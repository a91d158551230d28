package standin

import (
	"flag"
	"fmt"
	"io"
	"time"
)

// The files that TLS is served with, relative to the working directory.
const (
	CertFile = "cert.crt"
	KeyFile  = "private.key"
)

// Options are the parts of a WRP command line that make a difference here.
type Options struct {
	Listen       string        // -l, where plain HTTP is served
	TLSListen    string        // -sl, where HTTPS is served if the certificate files are usable
	Token        string        // -token
	Log          string        // -log, the file that gets the log; empty: standard output
	KeepPages    bool          // -n
	BrowserStart time.Duration // -browser-start, unknown to WRP: how long the first page takes in addition
}

// ParseArgs reads a WRP command line without the program's name. An error is
// what makes WRP exit with code 2.
func ParseArgs(args []string) (Options, error) {
	var o Options
	f := flag.NewFlagSet("wrp", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.Listen, "l", ":8080", "`address` for HTTP")
	f.StringVar(&o.TLSListen, "sl", ":8081", "`address` for HTTPS")
	f.StringVar(&o.Token, "token", "", "wanted in the header named Bearer")
	f.StringVar(&o.Log, "log", "", "log `file`")
	f.BoolVar(&o.KeepPages, "n", false, "keep pictures and maps after use")
	f.DurationVar(&o.BrowserStart, "browser-start", 0, "what the first page takes in addition")
	// These are taken and change nothing.
	f.Bool("O", false, "make pictures smaller")
	f.Bool("h", true, "hide the browser's window")
	f.String("t", "gif", "kind of picture")
	f.Int("q", 80, "quality of JPEG pictures")
	f.String("g", "1152x600x216", "size and number of colours")
	f.String("ui", "wrp.html", "template of the page")
	f.Duration("s", 2*time.Second, "pause before a picture is taken")
	f.String("ua", "", "user agent of the browser")
	if err := f.Parse(args); err != nil {
		return Options{}, fmt.Errorf("read the command line: %w", err)
	}
	return o, nil
}

package portal_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"wrpdistributor/internal/proctest"
	"wrpdistributor/internal/session"
)

// chromium starts a browser with a window of a size, which ends with the test.
func chromium(t *testing.T, width, height int) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-headless-shell"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no Chromium")
		}
		t.Skip("there is no Chromium (Debian: chromium)")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(width, height), chromedp.Flag("disable-component-update", true))...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// TestE2EChromiumLogsIn: in a small window and on a phone, where no page is laid out for a
// broader screen, and then made smaller.
func TestE2EChromiumLogsIn(t *testing.T) {
	proctest.E2E(t)
	b := newBench(t, options{})
	for device, size := range map[string][2]int{"anna/screen": {640, 480}, "anna/phone": {360, 640}} {
		ctx, kind := chromium(t, size[0], size[1]), []chromedp.EmulateViewportOption{}
		if device == "anna/phone" {
			kind = append(kind, chromedp.EmulateMobile)
		}
		base := "http://" + b.addr
		must(t, chromedp.Do(ctx,
			chromedp.EmulateViewport(int64(size[0]), int64(size[1]), kind...),
			chromedp.Navigate(base+"/~/login"), fits(t, "the form", size[0]),
			chromedp.SendKeys(`input[name="name"]`, device), chromedp.SendKeys(`input[name="password"]`, password),
			chromedp.Click(`input[type="submit"]`), chromedp.WaitVisible(`form[action="/"] input[name="url"]`),
			chromedp.Navigate(base+"/~/"), fits(t, "its own page", size[0]),
		))
		own, err := chromedp.Run(ctx, chromedp.Text("body"))
		must(t, err)
		if !strings.Contains(own, "You are "+device+".") {
			t.Errorf("its own page: %q", own)
		}
		must(t, chromedp.Do(ctx,
			chromedp.Navigate(base+"/~/help"), fits(t, "help", size[0]),
			chromedp.Navigate(base+"/~/"), chromedp.Click(`form[action="/~/end"] input[type="submit"]`),
			chromedp.Click(`input[value="Start one"]`), chromedp.WaitVisible(`form[action="/"] input[name="url"]`),
		))
	}
	if n := b.rows(session.Running); n != 2 {
		t.Errorf("%d sessions run, want one of each browser", n)
	}
}

// fits checks that a page needs not be moved sideways, at the size that it is meant for.
func fits(t *testing.T, what string, width int) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, _ *chromedp.Target) (chromedp.Void, error) {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth`))
		if got > width {
			t.Errorf("%s is %d points broad, the window %d", what, got, width)
		}
		return chromedp.Void{}, err
	}
}

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

// TestE2EChromiumLogsIn: in a small window and on a phone, where no page is broader than
// the screen.
func TestE2EChromiumLogsIn(t *testing.T) {
	proctest.E2E(t)
	b := newBench(t, options{})
	for device, size := range map[string][2]int{"anna/screen": {640, 480}, "anna/phone": {360, 640}} {
		ctx := chromium(t, size[0], size[1])
		base := "http://" + b.addr
		must(t, chromedp.Do(ctx,
			chromedp.EmulateViewport(int64(size[0]), int64(size[1])),
			chromedp.Navigate(base+"/~/login"), fits(t, "the form"),
			chromedp.SendKeys(`input[name="name"]`, device), chromedp.SendKeys(`input[name="password"]`, password),
			chromedp.Click(`input[type="submit"]`), chromedp.WaitVisible(`form[action="/"] input[name="url"]`),
			chromedp.Navigate(base+"/~/"), fits(t, "its own page"),
		))
		own, err := chromedp.Run(ctx, chromedp.Text("body"))
		must(t, err)
		if !strings.Contains(own, "You are "+device+".") {
			t.Errorf("its own page: %q", own)
		}
		must(t, chromedp.Do(ctx,
			chromedp.Navigate(base+"/~/help"), fits(t, "help"),
			chromedp.Navigate(base+"/~/"), chromedp.Click(`form[action="/~/end"] input[type="submit"]`),
			chromedp.Click(`input[value="Start one"]`), chromedp.WaitVisible(`form[action="/"] input[name="url"]`),
		))
	}
	if n := b.rows(session.Running); n != 2 {
		t.Errorf("%d sessions run, want one of each browser", n)
	}
}

// fits checks that a page needs not be moved sideways.
func fits(t *testing.T, what string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, _ *chromedp.Target) (chromedp.Void, error) {
		over, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > window.innerWidth`))
		if over {
			t.Errorf("%s is broader than the window", what)
		}
		return chromedp.Void{}, err
	}
}

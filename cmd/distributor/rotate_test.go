package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"syscall"
	"testing"

	"wrpdistributor/internal/proctest"
)

// TestTokenIsRotatedWithoutARefusal: as docs/operations.md has it, of two distributors one
// after the other, while a client asks whichever answers.
func TestTokenIsRotatedWithoutARefusal(t *testing.T) {
	s, _ := newPretendStack(t)
	for name, token := range map[string]string{"BACKEND_TOKEN": "b", "ADMIN_TOKEN": "a", "METRICS_TOKEN": "m", "MAX_SESSION_AGE": "1h"} {
		s.set(name, token)
	}
	listen := []string{proctest.FreeAddr(t), proctest.FreeAddr(t)}
	procs := make([]*proctest.Process, 2)
	restart := func(token, previous string) {
		t.Helper()
		s.set("AUTH_TOKEN", token)
		s.set("AUTH_TOKEN_PREVIOUS", previous)
		for i, address := range listen {
			if s.proc = procs[i]; s.proc != nil {
				s.stop(syscall.SIGTERM)
			}
			s.set("LISTEN", address)
			procs[i] = proctest.Start(t, s.Command("distributor"))
			proctest.AwaitReady(t, procs[i], "http://"+address)
		}
	}
	restart("old", "")

	var mu sync.RWMutex // held while a request is under way
	token := "old"      // what the client knows
	ctx, cancel := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() {
		for ctx.Err() == nil {
			mu.RLock()
			err := askAny(ctx, listen, token)
			mu.RUnlock()
			if err != nil && ctx.Err() == nil {
				t.Errorf("a client was refused: %v", err)
				return
			}
		}
	})
	restart("new", "old")
	mu.Lock()
	token = "new"
	mu.Unlock()
	restart("new", "")
	cancel()
	load.Wait()

	for _, address := range listen {
		for token, want := range map[string]int{"old": 401, "new": 204} {
			if code, _, _ := s.request("HEAD", "http://"+address+"/", token, "AmiFox"); code != want {
				t.Errorf("HEAD with the %s token = %d, want %d", token, code, want)
			}
		}
	}
	for token, role := range map[string]string{"new": "client", "b": "backend", "a": "operator", "m": "metrics"} {
		want := regexp.MustCompile(`^{"version":".+,"role":"` + role + `",.*"backend":true,"admin":true,"maxSessionAgeSeconds":3600}}\n$`)
		if code, _, body := s.request("GET", "http://"+listen[0]+"/v1/info", token, ""); code != 200 || !want.MatchString(body) {
			t.Errorf("/v1/info with the token %s = %d %s, want the role %s", token, code, body, role)
		}
	}
}

// askAny sends a client's request to the first distributor that serves it.
func askAny(ctx context.Context, listen []string, token string) error {
	var errs []error
	for _, address := range listen {
		a, err := proctest.Do(ctx, proctest.Request{Method: "HEAD", URL: "http://" + address + "/", Token: token, Agent: "AmiFox"})
		switch {
		case err != nil:
			errs = append(errs, err)
		case a.Code == 204:
			return nil
		case a.Code != 503: // on its way down, or up
			return fmt.Errorf("%s: %d", address, a.Code)
		default:
			errs = append(errs, fmt.Errorf("%s: %d", address, a.Code))
		}
	}
	return errors.Join(errs...)
}

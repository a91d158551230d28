package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"wrpdistributor/internal/proctest"
)

// visitPause is between two requests of a visitor.
const visitPause = 10 * time.Millisecond

// A visitor asks again and again, of the distributors whichever serves, as a load balancer
// has it.
type visitor struct {
	person
	methods []string

	mu     sync.Mutex // held while a request is under way
	token  string     // that it knows
	served int        // requests since it was told
}

// tell gives it a token, when the request that is under way is answered.
func (v *visitor) tell(token string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.token, v.served = token, 0
}

func (v *visitor) isServed() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.served >= 3*len(v.methods)
}

// run asks until ctx is done. A refusal is an error, but for one thing: who has only one
// distributor finds nobody while that is restarted, and comes again.
func (v *visitor) run(ctx context.Context, a *afternoon) error {
	for i := 0; ctx.Err() == nil; i++ {
		if err := v.visit(ctx, a, i); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(visitPause):
		}
	}
	return nil
}

func (v *visitor) visit(ctx context.Context, a *afternoon, turn int) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	method := v.methods[turn%len(v.methods)]
	got := ""
	for i := range a.listen {
		answer, err := proctest.Do(ctx, a.ask(method, "http://"+a.listen[(turn+i)%len(a.listen)], v.person, v.token))
		switch {
		case err == nil && (answer.Code == 202 || answer.Code == 204):
			v.served++
			return nil
		case err == nil && answer.Code != 503: // which it says on its way down
			return fmt.Errorf("%s of %s with the token %s = %d", method, v.agent, v.token, answer.Code)
		}
		got += fmt.Sprintf(" %d %v", answer.Code, err)
	}
	if len(a.listen) == 1 {
		return nil
	}
	return fmt.Errorf("%s of %s finds nobody:%s", method, v.agent, got)
}

// rotatesTheToken gives clients a new AUTH_TOKEN, as "A new AUTH_TOKEN" of
// docs/operations.md has it, while people with the old and with the new one work.
func (a *afternoon) rotatesTheToken() {
	a.t.Helper()
	was := a.come("PUT", anna, 204).Header.Get("X-Wrp-Token")
	old := a.settings["AUTH_TOKEN"]
	crowd := []*visitor{
		{person: anna, methods: []string{"HEAD"}},
		{person: carla, methods: []string{"PUT"}},
		{person: person{"AmiFox (passing by)", "192.0.2.9"}, methods: []string{"PUT", "HEAD", "DELETE"}},
	}
	for _, v := range crowd {
		v.tell(old)
	}
	ctx, cancel := context.WithCancel(a.t.Context())
	var working sync.WaitGroup
	for _, v := range crowd {
		working.Go(func() {
			if err := v.run(ctx, a); err != nil {
				a.t.Error("refused: ", err)
			}
		})
	}
	token := strings.TrimSpace(a.run(0, "distributor", "token", "new"))
	a.becomes(token, old)
	crowd[0].tell(token)
	a.work("the old and the new token open the same", crowd)
	a.metric("wrpdistributor_previous_token_requests_total", "[1-9].*")
	for _, p := range a.procs {
		a.eventually("the log says that the old token is used", func() bool { return strings.Contains(p.Output(), "previous token still used") })
	}
	for _, v := range crowd[1:] {
		v.tell(token)
	}
	a.becomes(token, "")
	a.work("all have the new token", crowd)
	cancel()
	working.Wait()
	a.hasOnly(token, old)
	if now := a.come("PUT", anna, 204).Header.Get("X-Wrp-Token"); now != was {
		a.t.Error("anna has another session than before the new token")
	}
	a.run(0, "distributor", "sessions", "stop", "--client", crowd[2].address)
}

// becomes writes the tokens into .env, and restarts.
func (a *afternoon) becomes(token, previous string) {
	a.t.Helper()
	a.settings["AUTH_TOKEN"], a.settings["AUTH_TOKEN_PREVIOUS"] = token, previous
	a.writeSettings()
	a.restart()
}

// work waits until each visitor was served after it was told its token.
func (a *afternoon) work(what string, crowd []*visitor) {
	a.t.Helper()
	for _, v := range crowd {
		a.eventually(what+": "+v.agent+" is served", v.isServed)
	}
}

// hasOnly checks which tokens open each distributor.
func (a *afternoon) hasOnly(token, old string) {
	a.t.Helper()
	for _, address := range a.listen {
		for sent, want := range map[string]int{token: 204, old: 401} {
			answer, err := proctest.Do(a.t.Context(), a.ask("HEAD", "http://"+address, anna, sent))
			if err != nil || answer.Code != want {
				a.t.Errorf("HEAD with the token %s = %d, %v, want %d", sent, answer.Code, err, want)
			}
		}
	}
}

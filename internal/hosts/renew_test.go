package hosts

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/porttest"
)

// TestRealForbiddenPortCutsNobody: that a port is forbidden is learnt without harm to
// those who reach others, and so is that it is not any more.
func TestRealForbiddenPortCutsNobody(t *testing.T) {
	allowed, other := porttest.Free(t), porttest.Free(t)
	permit := func(more string) string {
		return fmt.Sprintf(`restrict,port-forwarding,permitopen="[/var/run/docker.sock]:*",permitopen="127.0.0.1:%d"%s`, allowed, more)
	}
	sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: permit("")})
	p, id := realPool(t, sshd)
	client := p.hosts[0].client
	client.required.configured = []int{allowed}
	s := Spec{Ref: Ref{Host: "host0", Name: "wrp_" + id[:8] + "_7", Session: 7, Nonce: "n"}, Port: allowed, Token: "secret", Gateway: true}
	var err error
	if s.ID, err = p.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Start(t.Context(), s.Ref), p.Ready(t.Context(), s)); err != nil {
		t.Fatal(err)
	}
	nc, err := p.Dial(t.Context(), "host0", allowed)
	if err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(nc)
	goesOn := func(when string) {
		t.Helper()
		if err := getOver(nc, answers, s.Token); err != nil {
			t.Errorf("%s, the connection that was there: %v", when, err)
		}
		if err := p.Probe(t.Context(), s); err != nil {
			t.Errorf("%s, a new one: %v", when, err)
		}
	}
	state := func(when string, want State) {
		t.Helper()
		if st := p.Status()[0]; st.State != want {
			t.Errorf("%s: status = %+v, want %s", when, st, want)
		}
	}
	first, _ := client.established()

	if _, err := p.Dial(t.Context(), "host0", other); !errors.Is(err, ErrForbidden) {
		t.Fatalf("Dial of a port that is not allowed = %v, want ErrForbidden", err)
	}
	state("at once", Unusable)
	for range 2 {
		p.CheckHealth(t.Context())
		state("after a check", Unusable)
		goesOn("while a port is forbidden")
	}
	if now, _ := client.established(); now != first {
		t.Error("the connection was given up for one that allows no more")
	}

	sshd.SetKeyOptions(permit(fmt.Sprintf(`,permitopen="127.0.0.1:%d"`, other)))
	p.CheckHealth(t.Context())
	state("once it is allowed", Up)
	goesOn("once it is allowed")
	if _, err := p.Dial(t.Context(), "host0", other); err == nil || errors.Is(err, ErrForbidden) {
		t.Errorf("Dial = %v, want that nobody listens there", err)
	}
	if now, _ := client.established(); now == first {
		t.Error("the old connection is still the one that callers get")
	}
	nc.Close()
	select {
	case <-first.ended:
	case <-time.After(10 * time.Second):
		t.Error("the old connection is kept though nobody uses it")
	}
}

// getOver asks for a page over a connection.
func getOver(nc net.Conn, answers *bufio.Reader, token string) error {
	req, err := http.NewRequest(http.MethodGet, "http://wrp.invalid/", http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Bearer", token)
	if err := req.Write(nc); err != nil {
		return err
	}
	resp, err := http.ReadResponse(answers, req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/proctest"
	"wrpdistributor/internal/statistics"
)

// TestE2EAfternoon is what an operator does in an afternoon, by the commands that
// docs/operations.md has for it, while people come and go: hosts join, one breaks, all is
// full, WRP is updated, the token changes, a backup is put back. The hosts are one engine
// behind several sshds.
func TestE2EAfternoon(t *testing.T) {
	proctest.E2E(t)
	hoststest.StandIn(t)
	programs := commands(t)
	for _, tt := range []struct {
		dialect      string
		distributors int
	}{{"sqlite", 1}, {"mysql", 2}} {
		t.Run(tt.dialect, func(t *testing.T) {
			t.Parallel()
			a := newAfternoon(t, programs.For(t), tt.dialect, tt.distributors)
			a.opens()
			a.takesHosts()
			a.says()
			a.losesAHost()
			refused := a.fillsUp()
			a.mendsTheHost()
			a.drains()
			a.updatesWRP()
			a.endsOnesSession()
			a.rotatesTheToken()
			a.goesBack()
			a.tells("why "+refused, "refused: ", a.name(spare)+" full 1/1")
			a.closes()
		})
	}
}

// An afternoon is what an operator has: programs, a folder with their settings, hosts, and
// people who come.
type afternoon struct {
	*stack
	database database.Config
	id       string // of the database
	release  *hoststest.Release
	hosts    []*hoststest.SSHD
	lines    []proctest.Host // of the file of hosts
	settings map[string]string
	listen   []string // of each distributor
	procs    []*proctest.Process
}

// The hosts: one that is there from the start, and two that join.
const (
	spare = iota
	large
	small
)

// A person is a client that comes from an address of its own.
type person struct{ agent, address string }

var (
	anna  = person{"AmiFox (anna)", "192.0.2.1"}
	carla = person{"AmiFox (carla)", "192.0.2.3"} // comes when all is full
	dora  = person{"AmiFox (dora)", "192.0.2.4"}
	emil  = person{"AmiFox (emil)", "192.0.2.5"} // comes for the newer WRP
	greta = person{"AmiFox (greta)", "192.0.2.6"}
)

const metricsToken = "watching"

func newAfternoon(t *testing.T, programs *proctest.Commands, dialect string, distributors int) *afternoon {
	t.Helper()
	a := &afternoon{stack: &stack{t: t, Commands: *programs}, release: hoststest.Publish(t), procs: make([]*proctest.Process, distributors)}
	a.database = databasetest.Config(t, dialect)
	dsn := "sqlite:data/wrp.db"
	if a.database.MySQL != nil {
		dsn = a.database.MySQL.FormatDSN()
	} else {
		a.database.Path = filepath.Join(a.Dir, "data", "wrp.db")
	}
	for range distributors {
		a.listen = append(a.listen, proctest.FreeAddr(t))
	}
	a.base = "http://" + a.listen[0]
	for _, options := range []string{spare: "max=1", large: "max=5 warm=1", small: "max=2 warm=1"} {
		sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{})
		host := sshd.Host()
		host.Options = options
		a.hosts, a.lines = append(a.hosts, sshd), append(a.lines, host)
	}
	a.UseHostsFile(a.lines...)
	a.WriteHostsFile(a.lines[spare])
	a.settings = map[string]string{
		"AUTH_TOKEN": authToken, "METRICS_TOKEN": metricsToken, "SESSION_DATABASE_DSN": dsn, "WRP_IMAGE": a.release.Name,
		"LISTEN": a.listen[0], "TRUSTED_PROXIES": "127.0.0.1", "START_PORT": strconv.Itoa(proctest.FreeRange(t, 24)), "ORPHAN_GRACE": "1ms",
	}
	a.writeSettings()
	if err := os.MkdirAll(filepath.Join(a.Dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *afternoon) name(host int) string { return a.lines[host].Name }

// writeSettings writes .env.
func (a *afternoon) writeSettings() {
	a.t.Helper()
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(a.settings)) {
		fmt.Fprintf(&text, "%s=%s\n", name, a.settings[name])
	}
	if err := os.WriteFile(filepath.Join(a.Dir, ".env"), []byte(text.String()), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// restart restarts the distributors one after the other, or starts them.
func (a *afternoon) restart() {
	a.t.Helper()
	for i, address := range a.listen {
		if a.proc = a.procs[i]; a.proc != nil {
			a.stop(syscall.SIGTERM)
		}
		cmd := a.Command("distributor")
		cmd.Env = append(cmd.Env, "LISTEN="+address)
		a.proc = proctest.Start(a.t, cmd)
		a.procs[i] = a.proc
		proctest.AwaitReady(a.t, a.proc, "http://"+address)
	}
}

// stopAll stops the distributors.
func (a *afternoon) stopAll() {
	a.t.Helper()
	for i := range a.procs {
		a.proc, a.procs[i] = a.procs[i], nil
		a.stop(syscall.SIGTERM)
	}
}

// come has a person ask, and checks the answer's status.
func (a *afternoon) come(method string, p person, want int) proctest.Answer {
	a.t.Helper()
	answer, err := proctest.Do(a.t.Context(), a.ask(method, a.base, p, a.settings["AUTH_TOKEN"]))
	if err != nil || answer.Code != want {
		a.t.Fatalf("%s of %s = %d %q, %v, want %d\n%s", method, p.agent, answer.Code, answer.Body, err, want, a.proc.Output())
	}
	return answer
}

func (a *afternoon) ask(method, base string, p person, token string) proctest.Request {
	return proctest.Request{Method: method, URL: base + "/", Token: token, Agent: p.agent, Client: p.address}
}

// answer runs a command with --json, and reads what it prints.
func answer[T any](a *afternoon, code int, command string) (v T) {
	a.t.Helper()
	cmd := a.Command("distributor", append(strings.Fields(command), "--json")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, _ := cmd.Output() // the exit code says more
	if got := cmd.ProcessState.ExitCode(); got != code {
		a.t.Errorf("%s exits %d, want %d\n%s%s", command, got, code, out, &stderr)
	}
	if err := json.Unmarshal(out, &v); err != nil {
		a.t.Fatalf("%s prints %q, %v\n%s", command, out, err, &stderr)
	}
	return v
}

// types runs a command that another one told to type.
func (a *afternoon) types(code int, command string) string {
	a.t.Helper()
	words := strings.Fields(command)
	return a.run(code, words[0], words[1:]...)
}

// mend is the command that status has for something that is wrong.
func (a *afternoon) mend(code int, what string) string {
	a.t.Helper()
	for _, w := range answer[operator.Status](a, code, "status").Wrong {
		if strings.HasPrefix(w.What, what) {
			return w.Mend
		}
	}
	a.t.Fatalf("status does not say: %s", what)
	return ""
}

// sessions are those of one person, or of nobody: containers that wait.
func (a *afternoon) sessions(p person) (list []operator.Session) {
	a.t.Helper()
	for _, s := range answer[operator.SessionList](a, 0, "sessions list").Sessions {
		if s.UserAgent == p.agent {
			list = append(list, s)
		}
	}
	return list
}

// container returns the container of a session. Empty: there is none.
func (a *afternoon) container(s operator.Session) string {
	a.t.Helper()
	return hoststest.Docker(a.t, "ps", "-aq", "--no-trunc", "--filter", "label=wrpdistributor.database="+a.id,
		"--filter", "label=wrpdistributor.session="+strconv.FormatInt(s.ID, 10))
}

// imageOf returns the id of the image that a session's container is made of; of one that
// waited and was replaced since it was listed, nothing.
func (a *afternoon) imageOf(s operator.Session) string {
	a.t.Helper()
	out, _ := exec.CommandContext(a.t.Context(), "docker", "inspect", "-f", "{{.Image}}", a.container(s)).Output()
	return strings.TrimSpace(string(out))
}

// opens prepares the database, has a week of before in it, and starts to serve.
func (a *afternoon) opens() {
	a.t.Helper()
	a.want("config check", a.run(0, "distributor", "config", "check"), "The settings are good.")
	a.run(0, "distributor", "migrate")
	db, err := database.Open(a.t.Context(), a.database)
	if err != nil {
		a.t.Fatal(err)
	}
	defer db.Close()
	if a.id, err = db.DatabaseID(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { hoststest.RemoveContainers(a.t, a.id) })
	for hours, sessions := range map[int]int{150: 1, 100: 2, 50: 7, 10: 2} {
		if _, err := db.Exec(`INSERT INTO statistics (activeSessions, containersRunningTotal, remainingContainersTotal, containerHostsAvailable, uniqueClientIps, containersInUsePerHost, timeOfCapture)
			VALUES (?, ?, ?, 3, 1, '{}', `+db.SecondsAgo()+`)`, sessions, sessions, 7-sessions, hours*3600); err != nil {
			a.t.Fatal(err)
		}
	}
	if err := statistics.SumUp(a.t.Context(), db); err != nil {
		a.t.Fatal(err)
	}
	a.restart()
	a.come("PUT", anna, 202) // on the host that is there
}

// closes ends the service as it should end, with all that its people had.
func (a *afternoon) closes() {
	a.t.Helper()
	a.run(0, "cleanup", "--all")
	a.stopAll()
	a.run(0, "cleanup", "--all") // what was warmed up meanwhile
	if left := hoststest.Docker(a.t, "ps", "-aq", "--filter", "label=wrpdistributor.database="+a.id); left != "" {
		a.t.Errorf("after cleanup --all there are containers: %s", left)
	}
}

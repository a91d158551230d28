package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/crypto/ssh"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/doctor"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hostsetup"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service"
)

// An addition is a host that is being added. What was done so far can be taken back, as
// long as it is not complete.
type addition struct {
	cmd    *cobra.Command
	opt    *options
	flags  addFlags
	target hostsetup.Target

	theirs config.Environment
	at     config.Whereabouts
	line   string // of HOSTS_FILE; empty: the host is configured already
	cfg    *config.Config
	host   hosts.Host
	done   []change
}

// A change is what was done, by how it is undone.
type change struct{ where, command string }

func (a *addition) did(where, command string) { a.done = append(a.done, change{where, command}) }

// say tells of a step in the words of the host's script.
func (a *addition) say(outcome, step, words string) {
	fmt.Fprintf(a.cmd.ErrOrStderr(), "  %-8s %s: %s\n", outcome, step, words)
}

func (a *addition) run(ctx context.Context) error {
	err := a.steps(ctx)
	if err != nil && len(a.done) > 0 {
		a.explain()
	}
	return err
}

// steps go from what can be known without the host to what makes clients notice.
func (a *addition) steps(ctx context.Context) error {
	if err := a.configure(ctx); err != nil {
		return err
	}
	if a.flags.printing {
		return a.print()
	}
	if err := a.canWrite(); err != nil {
		return err
	}
	fmt.Fprintln(a.cmd.ErrOrStderr(), a.host.Name)
	if err := a.prepare(ctx); err != nil {
		return err
	}
	if err := a.examine(ctx); err != nil {
		return err
	}
	return a.join(ctx)
}

// explain lists what was done, the last first.
func (a *addition) explain() {
	w := a.cmd.ErrOrStderr()
	fmt.Fprintln(w, "What was done so far. To go on, repeat the command; to go back, in this order:")
	where := ""
	for _, c := range slices.Backward(a.done) {
		if c.where != where {
			where = c.where
			fmt.Fprintf(w, "  %s:\n", where)
		}
		fmt.Fprintf(w, "    %s\n", cli.Typed(c.command))
	}
}

// configure finds out how the host is, or is to be, configured, and has its key there.
func (a *addition) configure(ctx context.Context) (err error) {
	a.theirs = service.Environment(ctx, a.opt.envFile)
	if a.at, err = config.Find(a.opt.envFile, a.theirs, a.target.Name()); err != nil {
		return cli.Usage(err)
	}
	made := ""
	if a.at.Name == "" {
		if a.line, err = a.newLine(); err != nil {
			return cli.Usage(err)
		}
		if made, err = a.makeKey(); err != nil {
			return err
		}
	}
	a.cfg, err = service.LoadWith(a.opt.envFile, a.theirs, a.line)
	if err != nil {
		if made != "" {
			_, _ = os.Remove(made), os.Remove(made+".pub") // nobody knows it yet
		}
		return cli.Usage(err)
	}
	if made != "" {
		a.did(doctor.Here, fmt.Sprintf("rm -f %s %s", hostsetup.Quote(made), hostsetup.Quote(made+".pub")))
	}
	name := cmp.Or(a.at.Name, a.target.Name())
	a.host = a.cfg.Hosts[slices.IndexFunc(a.cfg.Hosts, func(h hosts.Host) bool { return h.Name == name })]
	if a.at.Name != "" {
		return a.differs()
	}
	return nil
}

// newLine returns the host's line of HOSTS_FILE.
func (a *addition) newLine() (string, error) {
	limit := a.flags.max
	if a.at.HostsFile == "" && limit == "" {
		if limit = config.LimitOfAll(a.opt.envFile, a.theirs); limit == "" {
			return "", errors.New("MAX_CONTAINERS_RUNNING has a number for each host: say with --max how many containers this one may run")
		}
	}
	line := fmt.Sprintf("%s user=%s key=%s", a.target.Name(), a.flags.user, a.keyFile())
	if limit != "" {
		line += " max=" + limit
	}
	return line, nil
}

// keyFile names the host's own key.
func (a *addition) keyFile() string {
	if a.flags.key != "" {
		return a.flags.key
	}
	name := strings.NewReplacer(":", "-", "[", "", "]", "").Replace(a.target.Name())
	return strings.TrimLeft(name, "-") + ".key" // of ::1; commands take it for an option
}

// makeKey makes the key if there is none, and returns its file then.
func (a *addition) makeKey() (string, error) {
	file := a.at.InSSHDir(a.keyFile())
	made, err := hostsetup.MakeKey(file, "wrp-distributor for "+a.target.Name())
	if err != nil || !made {
		return "", err
	}
	return file, nil
}

// script is what is to be run on the host.
func (a *addition) script(guard *hostsetup.Guard) (hostsetup.Script, error) {
	s := hostsetup.Script{
		Host: a.host.Name, User: a.host.SSH.User, Image: a.cfg.Container.Image,
		PublicKey: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(a.host.SSH.Signer.PublicKey()))),
		NoTable:   a.flags.noTable, NoGuard: a.flags.noGuard, Guard: guard,
	}
	if a.flags.noGuard {
		return s, nil
	}
	var err error
	s.Settings, err = hostsetup.GuardSettings(a.host, service.PoolConfig(a.cfg, "", nil), a.cfg.StartPort)
	return s, err
}

// guard returns the hostguard for a kind of machine; arch is empty if that is not known.
func (a *addition) guard(arch string) (*hostsetup.Guard, error) {
	switch {
	case a.flags.noGuard:
		return nil, nil
	case a.flags.guard != "":
		return hostsetup.OpenGuard(a.flags.guard)
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return hostsetup.FindGuard(program, arch)
}

func (a *addition) print() error {
	a.done = nil // the script is for this key
	guard, err := a.guard("")
	if err != nil {
		return err
	}
	s, err := a.script(guard)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(a.cmd.OutOrStdout())
	return errors.Join(s.Write(w), w.Flush())
}

// prepare has the host's root run the script, once the host is known to be the right one.
func (a *addition) prepare(ctx context.Context) error {
	if a.flags.prepared {
		return a.trust(ctx, nil)
	}
	login, err := hostsetup.LogIn(ctx, strings.Fields(a.flags.ssh), a.target, a.cmd.ErrOrStderr())
	if errors.Is(err, hostsetup.ErrNoRoot) {
		return fmt.Errorf("%w; %s", err, a.byHand())
	}
	if err != nil {
		return err
	}
	s, err := a.agree(ctx, login)
	if err != nil {
		login.Close()
		return err
	}
	return login.Run(ctx, func(w io.Writer) error { return s.Write(w) }, func(command string) { a.did("on "+a.host.Name, command) })
}

// byHand is how the script gets to a host whose sudo wants a password.
func (a *addition) byHand() string {
	return fmt.Sprintf("type the password by hand: distributor hosts add --print%[3]s %[1]s | %[4]s %[2]s 'cat >prepare.sh' && %[4]s -t %[2]s sudo sh prepare.sh && distributor hosts add --prepared%[3]s %[1]s",
		a.target.Name(), a.target, a.given(), a.flags.ssh)
}

// given are the options that say how the host is to be.
func (a *addition) given() (text string) {
	a.cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name == "ssh" {
			return // it is typed out
		}
		text += " --" + f.Name
		if f.Value.Type() != "bool" {
			text += "=" + hostsetup.Quote(f.Value.String())
		}
	})
	return text
}

// differs returns an error if the options say otherwise than the line that the host has
// already.
func (a *addition) differs() error {
	limit := strconv.Itoa(a.host.Max)
	if a.host.Auto {
		limit = "auto"
	}
	for _, o := range []struct{ name, is string }{{"max", limit}, {"user", a.host.SSH.User}} {
		if f := a.cmd.Flags().Lookup(o.name); f.Changed && f.Value.String() != o.is {
			return cli.Usage(fmt.Errorf("--%[1]s=%[2]s: %[3]s stands in %[4]s already, with %[1]s=%[5]s. Change it there, then repeat this without --%[1]s",
				o.name, f.Value, a.host.Name, a.cfg.Place(a.host.Name), o.is))
		}
	}
	return nil
}

// agree is all that has to be settled before the host is changed.
func (a *addition) agree(ctx context.Context, login *hostsetup.Login) (hostsetup.Script, error) {
	arch := hostsetup.Arch(login.Machine)
	var guard *hostsetup.Guard
	var err error
	if !login.HasGuard || a.flags.guard != "" {
		guard, err = a.guard(arch)
	}
	if err != nil {
		return hostsetup.Script{}, err
	}
	if guard != nil && guard.Arch != arch {
		return hostsetup.Script{}, fmt.Errorf("%s is for %s, and the host is %s (%s): name another with --guard", guard.File, guard.Arch, arch, login.Machine)
	}
	s, err := a.script(guard)
	if err != nil {
		return s, err
	}
	if a.flags.noGuard {
		a.say("warning", "no hostguard", "whoever has the distributor's key is root on the host")
	}
	return s, a.trust(ctx, login.Keys)
}

// examine looks at the host as hosts check does.
func (a *addition) examine(ctx context.Context) error {
	w := a.cmd.ErrOrStderr()
	how := doctor.Config{Hosts: service.PoolConfig(a.cfg, "", nil), StartPort: a.cfg.StartPort, Place: a.cfg.Place(a.host.Name)}
	fmt.Fprintln(w, a.host.Name+", as the distributor sees it")
	report, err := doctor.Check(ctx, how, a.host, checkPrinter{w, cli.IsTerminal(w)}.listener())
	if err != nil {
		return err
	}
	if !report.Passed {
		return fmt.Errorf("%s does not work, see above; it has not joined", a.host.Name)
	}
	return nil
}

// join has the distributor use the host.
func (a *addition) join(ctx context.Context) error {
	switch {
	case a.line == "":
		fmt.Fprintf(a.cmd.ErrOrStderr(), "%s works. It stands in %s already.\n", a.host.Name, a.cfg.HostsIn())
		return nil
	case a.at.HostsFile == "":
		return a.convert()
	}
	if err := a.writeLine(); err != nil {
		return err
	}
	err := reload(a.cmd, a.opt, false)
	if errors.Is(err, operator.ErrNobody) {
		fmt.Fprintln(a.cmd.ErrOrStderr(), "No distributor runs here: it takes the host in when it starts.")
		return nil
	}
	return err
}

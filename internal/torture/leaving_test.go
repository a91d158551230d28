package torture

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"wrpdistributor/internal/proctest"
)

// leaveHost takes a host out of the file of hosts, and has all programs read it again. It
// is served while sessions stand on it, but for those that were started meanwhile: they do
// not know it.
const leaveHost = "host is taken out of the file"

// leavingKinds are the troubles of hosts that come and go.
var leavingKinds = []kind{{name: leaveHost, longest: 6 * time.Second, cutsOff: true}, {name: leaveHost, longest: 6 * time.Second, cutsOff: true}}

// reloadTime is how long after it was told to a program may take to have read the file, and
// to know a host again.
const reloadTime = 5 * time.Second

// comeAndGo reports whether hosts do. Programs of earlier revisions know no file of hosts.
func (o options) comeAndGo() bool { return o.leave && o.old == "" }

// useHosts tells the programs of their hosts: in a file, if hosts come and go.
func (p *programs) useHosts(hosts []host, limits []int, o options) {
	for i, h := range hosts {
		entry := h.Entry().Host
		entry.Options = fmt.Sprintf("max=%d", limits[i])
		p.entries = append(p.entries, entry)
	}
	if o.comeAndGo() {
		p.UseHostsFile(p.entries...)
		return
	}
	p.UseHosts(p.entries...)
	var most []string
	for _, limit := range limits {
		most = append(most, fmt.Sprint(limit))
	}
	p.Set("MAX_CONTAINERS_RUNNING", strings.Join(most, ","))
}

// leave takes a host out of the file, unless none would be left. It returns what puts it
// back.
func (p *programs) leave(h host) (back func(), ok bool) {
	name := h.Entry().Name
	if len(p.gone)+1 >= len(p.entries) || slices.Contains(p.gone, name) {
		return nil, false
	}
	p.gone = append(p.gone, name)
	p.rewriteHosts()
	return func() {
		p.gone = slices.DeleteFunc(p.gone, func(other string) bool { return other == name })
		p.rewriteHosts()
	}, true
}

// rewriteHosts writes the file, and has the daemons told of it.
func (p *programs) rewriteHosts() {
	var list []proctest.Host
	for _, entry := range p.entries {
		if !slices.Contains(p.gone, entry.Name) {
			list = append(list, entry)
		}
	}
	p.WriteHostsFile(list...)
	for _, d := range p.daemons() {
		d.reload = d.proc != nil
	}
	p.tell()
}

// tell has the daemons read the file again that were not told so yet. A distributor that
// says nothing yet would end, for it does not listen for that yet. A frozen one hears of it
// later.
func (p *programs) tell() {
	for _, d := range p.daemons() {
		if d.reload && d.proc != nil && (d == p.repeating || d.proc.Output() != "") {
			d.proc.Signal(syscall.SIGHUP)
			d.reload = false
		}
	}
}

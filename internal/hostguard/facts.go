package hostguard

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// Facts are what a guard tells of its host, at GET /hostguard/facts. Sizes are in bytes. What
// cannot be found out is left out.
type Facts struct {
	Guard  string     `json:"guard"`            // version
	Engine string     `json:"engine,omitempty"` // version; empty: it does not answer
	Kernel string     `json:"kernel,omitempty"` // release
	Memory *Amount    `json:"memory,omitempty"` // available to new processes
	Disk   *Amount    `json:"disk,omitempty"`   // where Docker keeps images and containers
	Load   [3]float64 `json:"load"`             // of 1, 5 and 15 minutes
	Egress Egress     `json:"egress"`
}

// An Amount is how much there is of something.
type Amount struct {
	Free  int64 `json:"free"`
	Total int64 `json:"total"`
}

// Egress is whether the host's table keeps pages from its network.
type Egress string

// What is known of the table. Only who may ask the kernel sees the table itself.
const (
	Loaded       Egress = "loaded"
	NotLoaded    Egress = "not loaded"
	UnitActive   Egress = "unit active" // which loads it
	UnitInactive Egress = "unit inactive"
	NotKnown     Egress = "not known"
)

// Version returns this program's.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}

func (g *Guard) tellFacts(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(g.facts(r.Context()))
}

func (g *Guard) facts(ctx context.Context) Facts {
	f := Facts{Guard: Version(), Egress: egress()}
	if root, version, err := g.askEngine(ctx); err == nil {
		f.Engine, f.Disk = version, disk(root)
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		f.Kernel = strings.TrimSpace(string(text))
	}
	if file, err := os.Open("/proc/meminfo"); err == nil {
		defer file.Close()
		f.Memory = readMemory(file)
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		f.Load = readLoad(string(text))
	}
	return f
}

// askEngine returns where the engine keeps what it has, and its version.
func (g *Guard) askEngine(ctx context.Context) (root, version string, err error) {
	resp, err := g.engine.do(ctx, &order{method: http.MethodGet, before: "/info"}, "")
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	var info struct{ DockerRootDir, ServerVersion string }
	err = json.NewDecoder(io.LimitReader(resp.Body, maxRead)).Decode(&info)
	return info.DockerRootDir, info.ServerVersion, err
}

// readMemory reads /proc/meminfo; nil: it does not say.
func readMemory(meminfo io.Reader) *Amount {
	found := make(map[string]int64)
	for lines := bufio.NewScanner(meminfo); lines.Scan(); {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		number, _, _ := strings.Cut(strings.TrimSpace(rest), " kB")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			found[name] = n << 10
		}
	}
	if found["MemTotal"] == 0 {
		return nil
	}
	return &Amount{Free: found["MemAvailable"], Total: found["MemTotal"]}
}

func readLoad(text string) (load [3]float64) {
	for i, field := range strings.Fields(text)[:min(3, len(strings.Fields(text)))] {
		load[i], _ = strconv.ParseFloat(field, 64) // what is no number is none
	}
	return load
}

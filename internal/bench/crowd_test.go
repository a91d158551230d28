package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/pretend"
)

// clientAddr is where all clients come from.
const clientAddr = "127.0.0.1"

// A crowd is sessions that are there before anything is measured: running, each
// with a container of its own, as many on one host as on the others.
type crowd struct {
	Database string // its id
	N        int
	Port     int           // of the first slot
	Gateway  bool          // they are behind the gateway
	Unused   time.Duration // for how long
}

func (c crowd) id(i int) int { return i + 1 }

func (c crowd) slot(i, hosts int) int { return i / hosts }

func (c crowd) port(i, hosts int) int { return c.Port + c.slot(i, hosts) }

func (c crowd) agent(i int) string { return fmt.Sprintf("AmiFox (crowd %d)", i) }

func (c crowd) token(i int) string { return c.secret("token", i)[:40] }

func (c crowd) nonce(i int) string { return c.secret("nonce", i)[:32] }

func (c crowd) secret(of string, i int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", c.Database, of, i))
	return hex.EncodeToString(sum[:])
}

func (c crowd) container(i int) string { return fmt.Sprintf("wrp_%.8s_%d", c.Database, c.id(i)) }

func (c crowd) labels(i int) map[string]string {
	return map[string]string{
		labelOfDB:                c.Database,
		"wrpdistributor.session": strconv.Itoa(c.id(i)),
		"wrpdistributor.claim":   c.nonce(i),
	}
}

// rowsAtOnce is how many rows one statement inserts.
const rowsAtOnce = 200

const seededColumns = `id, clientIp, clientUserAgent, identity, wrpContainerId, containerHost, slot, port, token, nonce, gateway, state, started, lastUsed`

// seed inserts the rows of a crowd on those hosts, by SQL: claims would take long,
// and are what is to be measured.
func (c crowd) seed(ctx context.Context, db *database.DB, hosts, containers []string) error {
	used := time.Now().UTC().Add(-c.Unused).Truncate(time.Second)
	for from := 0; from < c.N; from += rowsAtOnce {
		var values []string
		var args []any
		for i := from; i < min(from+rowsAtOnce, c.N); i++ {
			values = append(values, "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', ?, ?)")
			args = append(args, c.id(i), clientAddr, c.agent(i), database.Identity(clientAddr, c.agent(i)), containers[i], hosts[i%len(hosts)],
				c.slot(i, len(hosts)), c.port(i, len(hosts)), c.token(i), c.nonce(i), c.Gateway, used, used)
		}
		if _, err := db.ExecContext(ctx, `INSERT INTO sessions (`+seededColumns+`) VALUES `+strings.Join(values, ", "), args...); err != nil {
			return fmt.Errorf("seed sessions: %w", err)
		}
	}
	return nil
}

// names are the hosts' names in CONTAINER_HOSTS.
func names(hosts []pretend.ManifestHost) []string {
	list := make([]string, len(hosts))
	for i, h := range hosts {
		list[i] = h.SSHAddr
	}
	return list
}

package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/service"
	"wrpdistributor/internal/session"
)

// examineTimeout is for a database that takes the connection, and says nothing.
const examineTimeout = 2 * time.Second

// A configChecked is what config check prints as JSON.
type configChecked struct {
	Good     bool             `json:"good"`              // the service could start
	Checked  string           `json:"checked,omitempty"` // where the settings come from, in words
	Problems config.Problems  `json:"-"`
	Warnings config.Problems  `json:"-"`
	Settings *settings        `json:"settings,omitempty"` // nil: there are problems
	Database *databaseChecked `json:"database,omitempty"` // nil with Settings
}

// MarshalJSON has problems and warnings as a line each.
func (c configChecked) MarshalJSON() ([]byte, error) {
	type found configChecked
	return json.Marshal(struct {
		found
		Problems []string `json:"problems"`
		Warnings []string `json:"warnings"`
	}{found(c), linesOf(c.Problems), linesOf(c.Warnings)})
}

func linesOf(list []config.Problem) []string {
	lines := make([]string, len(list))
	for i, p := range list {
		lines[i] = p.String()
	}
	return lines
}

// settings are what the variables come to.
type settings struct {
	Hosts     []hostSettings `json:"hosts"`
	ChosenBy  string         `json:"chosenBy"`
	Listen    string         `json:"listen"`
	TLS       string         `json:"tls"` // in words
	Gateway   string         `json:"gateway"`
	Portal    string         `json:"portal"`    // in words
	Operators string         `json:"operators"` // in words
	Metrics   string         `json:"metrics"`   // in words
	Image     string         `json:"image"`
}

type hostSettings struct {
	Host      string `json:"host"`
	Way       string `json:"way"` // to it, in words
	Max       int    `json:"max"`
	Auto      bool   `json:"auto,omitempty"` // its memory decides, with Max at most
	Warm      int    `json:"warm"`
	FirstPort int    `json:"firstPort"`
	LastPort  int    `json:"lastPort"`
}

// limit is how many containers there may be, for people.
func (h hostSettings) limit() string {
	if h.Auto {
		return fmt.Sprintf("as many containers as its memory allows, %d at most", h.Max)
	}
	return fmt.Sprintf("%d containers", h.Max)
}

func settle(cfg *config.Config) *settings {
	s := &settings{
		Hosts: make([]hostSettings, len(cfg.Hosts)), ChosenBy: fmt.Sprint(cfg.Distribution), Listen: cfg.Listen, TLS: overTLS(cfg.TLS),
		Gateway:   cmp.Or(cfg.Gateway.Listen, "none"),
		Portal:    portalFor(cfg.Portal),
		Operators: "by the control socket in " + cfg.RuntimeDir,
		Metrics:   metricsPlaces(cfg), Image: cfg.Container.Image,
	}
	for i, h := range cfg.Hosts {
		s.Hosts[i] = hostSettings{h.Name, wayTo(h), h.Max, h.Auto, h.Warm + h.WarmTLS, cfg.StartPort, cfg.StartPort + h.Max + cfg.SparePorts - 1}
	}
	if cfg.AdminToken != "" {
		s.Operators += ", and with ADMIN_TOKEN at " + cfg.Listen
	}
	return s
}

// overTLS says where the API is served so, to whom, and with what.
func overTLS(t config.TLS) string {
	if t.Listen == "" {
		return "none"
	}
	shown := "a certificate of its own"
	if t.Cert != nil {
		shown = t.Cert.Cert
	}
	return fmt.Sprintf("%s, %s and later, with %s", t.Listen, tls.VersionName(t.Oldest), shown)
}

// portalFor says who comes in without the token of a session.
func portalFor(p config.Portal) string {
	who := map[string]string{config.PortalAccounts: "for accounts", config.PortalAnyone: fmt.Sprintf("for anyone, %d sessions an address", p.PerAddress)}[p.Mode]
	switch {
	case who == "":
		return "none"
	case p.Proxy:
		who += ", as a proxy too"
	}
	return who + "; its own pages at " + strings.Join(p.Names, ", ")
}

// metricsPlaces says where monitoring can ask.
func metricsPlaces(cfg *config.Config) string {
	var places []string
	if cfg.MetricsToken != "" || cfg.AdminToken != "" {
		places = append(places, "with METRICS_TOKEN or ADMIN_TOKEN at "+cfg.Listen+service.MetricsPath)
	}
	if cfg.MetricsListen != "" {
		places = append(places, "without a token at "+cfg.MetricsListen+service.MetricsPath)
	}
	return cmp.Or(strings.Join(places, ", and "), "none")
}

// wayTo says how a host is reached.
func wayTo(h hosts.Host) string {
	if h.SSH == nil {
		return "this machine's Docker"
	}
	return fmt.Sprintf("ssh %s@%s", h.SSH.User, h.SSH.Addr)
}

// Whose tables a database has.
const (
	tablesNone    = "none"
	tablesOlder   = "older"
	tablesCurrent = "current"
	tablesNewer   = "newer"
)

// A databaseChecked is what is found at the database.
type databaseChecked struct {
	Database  string         `json:"database"`
	Reachable bool           `json:"reachable"`
	Tables    string         `json:"tables,omitempty"` // missing: not known
	Version   int64          `json:"version"`          // of the tables; 0: there are none, or it is not known
	Wants     int64          `json:"wants"`            // the version that this program makes of them; 0: not known
	Writable  bool           `json:"takesWrites"`
	Error     string         `json:"error,omitempty"`              // why it is not reached, or takes no writes
	Mend      string         `json:"mend,omitempty"`               // in words
	Left      map[string]int `json:"hostsNotConfigured,omitempty"` // sessions that such hosts have

	unread error // why the sessions cannot be read
}

// err is what keeps the service from its work. A database that it will make does not.
func (d *databaseChecked) err() error {
	switch {
	case d.Error == "":
		return nil
	case !d.Reachable:
		return errDatabase
	}
	return errNoWrites
}

// failed notes what is wrong with the database, and what may mend it. That this command
// shows more need not be said.
func (d *databaseChecked) failed(where database.Config, err error) *databaseChecked {
	err = where.Reason(err)
	mend := where.Mend(err)
	d.Error, d.Mend = err.Error(), mend.Do
	if !strings.HasPrefix(mend.Command, "distributor config check") {
		d.Mend = mend.String()
	}
	return d
}

// examine asks the database, and tries to write to it.
func examine(ctx context.Context, cfg *config.Config) *databaseChecked {
	d, where := &databaseChecked{Database: cfg.Database.String()}, service.Database(cfg, false)
	db, err := database.Open(ctx, where)
	if errors.Is(err, database.ErrNoDatabase) {
		d.Tables = tablesNone
		return d
	}
	if err != nil {
		return d.failed(where, err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, examineTimeout)
	defer cancel()
	versions, err := db.Versions(ctx)
	if err != nil {
		return d.failed(where, err)
	}
	d.Reachable = true
	d.compare(versions)
	if d.Tables == tablesNone {
		return d
	}
	if d.Left, d.unread = leftOn(ctx, cfg, db); d.Tables == tablesOlder {
		d.unread = nil // they may have other columns
	}
	err = db.TryWrite(ctx)
	switch d.Writable = err == nil; {
	case errors.Is(err, database.ErrNoSchema) && d.Tables == tablesOlder: // it comes with a later one
	case err != nil:
		return d.failed(where, err)
	}
	return d
}

func (d *databaseChecked) compare(v database.Versions) {
	d.Version, d.Wants, d.Tables = v.Has, v.Wants, tablesCurrent
	switch {
	case v.Has == 0:
		d.Tables = tablesNone
	case v.Has < v.Wants:
		d.Tables = tablesOlder
	case v.Has > v.Wants:
		d.Tables = tablesNewer
	}
}

// leftOn returns how many sessions stand on which hosts that are not configured.
func leftOn(ctx context.Context, cfg *config.Config, db *database.DB) (map[string]int, error) {
	rows, err := session.NewStore(db, cfg.StartTimeout).All(ctx)
	if err != nil {
		return nil, err
	}
	left := make(map[string]int)
	for _, s := range rows {
		if !slices.ContainsFunc(cfg.Hosts, func(h hosts.Host) bool { return h.Name == s.Host }) {
			left[s.Host]++
		}
	}
	return left, nil
}

package hostguard

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// labelDatabase says whose a container is.
const labelDatabase = "wrpdistributor.database"

// examined is in its place on containers of the doctor's: they belong to no database.
const examined = "doctor"

// A filter chooses containers, or what happens to them.
type filter struct {
	database string   // whose; empty: the host's
	events   []string // nil: containers are listed
}

// values returns the filter as engines read it.
func (f *filter) values(host string) map[string]map[string]bool {
	label := labelDatabase
	switch {
	case f.database != "":
		label += "=" + f.database
	case host != "":
		label += "=" + host
	}
	values := map[string]map[string]bool{"label": {label: true}}
	if f.events != nil {
		values["type"], values["event"] = map[string]bool{"container": true}, make(map[string]bool)
		for _, e := range f.events {
			values["event"][e] = true
		}
	}
	return values
}

func (c *Config) decideList(q *request) (*order, error) {
	values, err := readQuery(q.query, "all", "filters")
	if err != nil {
		return nil, err
	}
	o := &order{before: "/containers/json", query: make(url.Values)}
	all, err := flagOf(values, "all")
	if all {
		o.query.Set("all", "1")
	}
	if err != nil {
		return nil, err
	}
	o.filter, err = readFilter(values["filters"], "label")
	return o, err
}

// sinceForm is a time of the engine's clock, in seconds.
var sinceForm = regexp.MustCompile(`^[0-9]{1,12}(\.[0-9]{1,9})?$`)

func (c *Config) decideEvents(q *request) (*order, error) {
	values, err := readQuery(q.query, "since", "filters")
	if err != nil {
		return nil, err
	}
	o := &order{before: "/events", query: make(url.Values), answer: stream}
	if since, set := values["since"]; set {
		if !sinceForm.MatchString(since) {
			return nil, refuse("query: since: want seconds")
		}
		o.query.Set("since", since)
	}
	o.filter, err = readFilter(values["filters"], "label", "type", "event")
	if err == nil && o.filter.events == nil {
		o.filter.events = lifeEvents()
	}
	return o, err
}

// lifeEvents are those that distributors read.
func lifeEvents() []string { return []string{"create", "start", "die", "destroy"} }

// readFilter reads what a client chooses by, in the keys that it may have.
func readFilter(text string, keys ...string) (*filter, error) {
	f := &filter{}
	if text == "" {
		return f, nil
	}
	members, err := readJSON([]byte(text))
	if err != nil {
		return nil, err
	}
	for key := range members {
		if !slices.Contains(keys, key) {
			return nil, refuse("filters: sessions do not need %.40q here", key)
		}
	}
	chosen := &object{name: "filters", members: members}
	labels, types, events := chosen.chosen("label"), chosen.chosen("type"), chosen.chosen("event")
	if err := chosen.end(); err != nil {
		return nil, err
	}
	if f.database, err = databaseOf(labels); err != nil {
		return nil, err
	}
	if len(types) > 1 || len(types) == 1 && types[0] != "container" {
		return nil, refuse("filters: sessions need events of containers only")
	}
	for _, e := range events {
		if !slices.Contains(lifeEvents(), e) {
			return nil, refuse("filters: sessions do not need the event %.40q", e)
		}
	}
	f.events = events
	return f, nil
}

// chosen takes the names that are set to true in a member.
func (o *object) chosen(key string) (names []string) {
	for name, set := range o.child(key).members {
		if set != true {
			o.wrong(key, "want names, each with true")
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// databaseOf returns the database that a list of labels names; empty: there is no label.
func databaseOf(labels []string) (string, error) {
	if len(labels) == 0 {
		return "", nil
	}
	database, ok := strings.CutPrefix(labels[0], labelDatabase+"=")
	if len(labels) > 1 || !ok || !isDatabase(database) {
		return "", refuse("filters: want the one label %s=ID", labelDatabase)
	}
	return database, nil
}

func isDatabase(name string) bool { return name == examined || databaseName.MatchString(name) }

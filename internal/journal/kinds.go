package journal

import (
	"encoding/json"
	"reflect"
	"time"
)

// Claimed is a slot that was reserved for a client.
type Claimed struct {
	Slot int  `json:"slot"`
	Port int  `json:"port"`
	TLS  bool `json:"tls,omitempty"`
}

// Taken is a container that waited, and that a client got.
type Taken struct {
	Ready bool `json:"ready"` // else it was still being warmed up
}

// WarmedUp is a container that waits for a client from now on.
type WarmedUp struct {
	Port int   `json:"port"`
	TLS  bool  `json:"tls,omitempty"`
	All  int64 `json:"allMs"` // with its first page
	Took Steps `json:"took"`
}

// WarmUpFailed is a container that was to wait for a client, and does not.
type WarmUpFailed struct {
	Why string `json:"why"`
}

// Frozen is a session whose container was paused, since nobody used it. Its next request
// has it go on.
type Frozen struct {
	Unused int64 `json:"unusedMs"` // for so long, at least
}

// Started is a session that began to run.
type Started struct {
	Port int   `json:"port"`
	Warm bool  `json:"warm,omitempty"` // its container had waited for a client
	TLS  bool  `json:"tls,omitempty"`
	All  int64 `json:"allMs"` // from the request on, with attempts that failed
	Took Steps `json:"took"`
}

// Steps says how long each step of a start took. Those that were not taken are zero.
type Steps struct {
	Claim  time.Duration
	Create time.Duration
	Start  time.Duration
	Ready  time.Duration
}

// Failed is a start that failed on one host, and was tried once more.
type Failed struct {
	Port int    `json:"port"`
	Why  string `json:"why"`
}

// Refused is a client that got no session.
type Refused struct {
	Why     string   `json:"why"`                    // in words; of a full pool, what its hosts have in common
	Reasons []Reason `json:"hosts,omitempty"`        // of a full pool
	Others  int      `json:"others,omitempty"`       // hosts that are not among the reasons
	Retry   int      `json:"retrySeconds,omitempty"` // when it was told to come back; 0: never
}

// A Reason says why hosts take no session.
type Reason struct {
	Host  string    `json:"host"`
	More  int       `json:"more,omitempty"` // other hosts with the same reason
	Since time.Time `json:"downSince,omitzero"`
	Why   string    `json:"why"`
}

// GatewayRefused is a request to a session that its gateway refused.
type GatewayRefused struct {
	Why  string `json:"why"`
	Code int    `json:"status"` // of its answer
}

// Given is a client that was told of the session that it has.
type Given struct {
	Port int `json:"port"`
}

// Ended is a session that left its client, or a container that waits for none any more.
type Ended struct {
	Why   string    `json:"why"`
	State string    `json:"state"`          // that it was in
	Warm  bool      `json:"warm,omitempty"` // it never had a client
	Began time.Time `json:"began,omitzero"` // it was in that state, by the database's clock
}

// HostUp is a host that takes containers, unless it has no image.
type HostUp struct {
	NoImage bool `json:"noImage,omitempty"`
}

// HostDown is a host that has failed.
type HostDown struct {
	Why string `json:"why"`
}

// Drained is a host that is to get no sessions.
type Drained struct {
	Reason string `json:"reason,omitempty"`
}

// Undrained is a host that gets sessions again.
type Undrained struct{}

// Paused is when clients began to get no new sessions.
type Paused struct {
	Reason string `json:"reason"` // which they are told
}

// Resumed is the end of that.
type Resumed struct{}

// AccountAdded is an account that was made.
type AccountAdded struct {
	Account string `json:"account"`
}

// AccountPassword is one that got another password.
type AccountPassword struct {
	Account string `json:"account"`
}

// AccountDisabled is one that was shut out.
type AccountDisabled struct {
	Account string `json:"account"`
}

// AccountEnabled is one that was let in again.
type AccountEnabled struct {
	Account string `json:"account"`
}

// AccountRemoved is one that is no more.
type AccountRemoved struct {
	Account string `json:"account"`
}

// AccountRefused is a wrong password for one.
type AccountRefused struct {
	Account string `json:"account"`
}

// Serving is a process that began to serve.
type Serving struct {
	Version string `json:"version"`
	Machine string `json:"machine"`
	Gateway string `json:"gateway,omitempty"` // where it listens
}

// Leaving is a process that serves no more.
type Leaving struct {
	Machine string `json:"machine"`
}

// Lost is how many entries were not written.
type Lost struct {
	Entries int    `json:"entries"`
	Why     string `json:"why"`
}

// Other is what a later version noted.
type Other struct {
	Of     string
	Detail []byte
}

func (Claimed) kind() string      { return "claimed" }
func (WarmedUp) kind() string     { return "warmed-up" }
func (WarmUpFailed) kind() string { return "warm-up-failed" }
func (Taken) kind() string        { return "warm-taken" }
func (Started) kind() string      { return "started" }
func (Failed) kind() string       { return "start-failed" }
func (Refused) kind() string      { return "refused" }
func (Given) kind() string        { return "given-again" }
func (Frozen) kind() string       { return "frozen" }
func (Ended) kind() string        { return "ended" }
func (HostUp) kind() string       { return "host-up" }
func (HostDown) kind() string     { return "host-down" }
func (Drained) kind() string      { return "drained" }
func (Undrained) kind() string    { return "undrained" }
func (Paused) kind() string       { return "paused" }
func (Resumed) kind() string      { return "resumed" }
func (Serving) kind() string      { return "serving" }
func (Leaving) kind() string      { return "leaving" }
func (Lost) kind() string         { return "lost" }
func (o Other) kind() string      { return o.Of }

func (GatewayRefused) kind() string { return "gateway-refused" }

func (AccountAdded) kind() string    { return "account-added" }
func (AccountPassword) kind() string { return "account-password" }
func (AccountDisabled) kind() string { return "account-disabled" }
func (AccountEnabled) kind() string  { return "account-enabled" }
func (AccountRemoved) kind() string  { return "account-removed" }
func (AccountRefused) kind() string  { return "account-refused" }

func all() []What {
	return []What{
		Claimed{}, WarmedUp{}, WarmUpFailed{}, Taken{}, Started{}, Failed{}, Refused{}, GatewayRefused{}, Given{}, Frozen{}, Ended{},
		HostUp{}, HostDown{}, Drained{}, Undrained{}, Paused{}, Resumed{}, Serving{}, Leaving{}, Lost{},
		AccountAdded{}, AccountPassword{}, AccountDisabled{}, AccountEnabled{}, AccountRemoved{}, AccountRefused{},
	}
}

// Kinds returns the names of all kinds of entries.
func Kinds() (names []string) {
	for _, w := range all() {
		names = append(names, w.kind())
	}
	return names
}

// decode returns what was written of a kind; [Other], if it is not known how.
func decode(kind string, detail []byte) What {
	for _, known := range all() {
		if known.kind() != kind {
			continue
		}
		v := reflect.New(reflect.TypeOf(known))
		if json.Unmarshal(detail, v.Interface()) == nil {
			return v.Elem().Interface().(What)
		}
	}
	return Other{kind, detail}
}

// MarshalJSON implements [json.Marshaler].
func (s Steps) MarshalJSON() ([]byte, error) {
	return json.Marshal(steps{s.Claim.Milliseconds(), s.Create.Milliseconds(), s.Start.Milliseconds(), s.Ready.Milliseconds()})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (s *Steps) UnmarshalJSON(b []byte) error {
	var in steps
	err := json.Unmarshal(b, &in)
	*s = Steps{ms(in.Claim), ms(in.Create), ms(in.Start), ms(in.Ready)}
	return err
}

// steps is what programs see.
type steps struct {
	Claim  int64 `json:"claimMs"`
	Create int64 `json:"createMs"`
	Start  int64 `json:"startMs"`
	Ready  int64 `json:"readyMs"`
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// MarshalJSON implements [json.Marshaler].
func (o Other) MarshalJSON() ([]byte, error) { return json.Marshal(string(o.Detail)) }

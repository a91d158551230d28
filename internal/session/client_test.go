package session_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// agents are what may stand in the header of a request, which is at most 36 kB.
var agents = map[string]string{
	"all bytes":                  allBytes(),
	"longer than a column":       strings.Repeat("x\xff", 18<<10),
	"nothing but bytes":          strings.Repeat("\xff", 36<<10),
	"pieces of characters":       strings.Repeat("\xf0\x9f\xa6", 12<<10),
	"beyond what PHP's had":      strings.Repeat("🦊", 9<<10),
	"cut within a character":     "x" + strings.Repeat("字", 12<<10),
	"what terminals act on":      "A\u009b31m\u202eB\u2028",
	"surrogates":                 "\xed\xa0\x80\xed\xb0\x80",
	"what is no character":       "\uffff\U0010ffff",
	"quotes":                     `' OR 1=1 -- "\\' <b>`,
	"a long one of a known kind": "AmiFox/1.0 " + strings.Repeat("(AmigaOS 3.2; 68060) ", 1700),
}

func allBytes() string {
	b := []byte("x\t")
	for c := 0x20; c < 0x100; c++ {
		if c != 0x7f {
			b = append(b, byte(c))
		}
	}
	return string(b)
}

// TestAnyUserAgentIsStored: cut and cleaned for people, while the client is the exact
// bytes; also in a column that holds no more than the PHP program's did.
func TestAnyUserAgentIsStored(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		store := func(t *testing.T) {
			for name, agent := range agents {
				client := session.Client{IP: "192.0.2.1", UserAgent: agent}
				s, fresh, err := k.Sessions.Allocate(t.Context(), client, false)
				if err != nil || !fresh {
					t.Errorf("%s: fresh = %t, %.200v", name, fresh, err)
					continue
				}
				if again, fresh, err := k.Sessions.Allocate(t.Context(), client, false); err != nil || fresh || again.ID != s.ID {
					t.Errorf("%s: asked again: fresh = %t, %v", name, fresh, err)
				}
				if _, err := k.Store.ByIdentity(t.Context(), database.Identity(client.IP, agent+" ")); err != session.ErrNotFound {
					t.Errorf("%s: another client is found: %v", name, err)
				}
				if err := shown(s.UserAgent); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				must(t, k.Sessions.Stop(t.Context(), client))
			}
		}
		t.Run("utf8mb4", store)
		if db.DriverName() != "mysql" {
			return
		}
		exec(t, k, `ALTER TABLE sessions MODIFY clientUserAgent TEXT CHARACTER SET utf8mb3 NOT NULL`)
		t.Run("utf8mb3", store)
	})
}

// TestAnyUserAgentTakesWarmContainer: it is stored by another statement.
func TestAnyUserAgentTakesWarmContainer(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		for name, agent := range agents {
			if _, err := k.Sessions.StartWarm(t.Context(), "host0", false, 1); err != nil {
				t.Fatal(err)
			}
			client := session.Client{IP: "192.0.2.1", UserAgent: agent}
			s, _, err := k.Sessions.Allocate(t.Context(), client, false)
			if err != nil {
				t.Errorf("%s: %.200v", name, err)
				continue
			}
			if err := shown(s.UserAgent); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			must(t, k.Sessions.Stop(t.Context(), client))
		}
	})
}

// shown returns why a text is not fit to be shown.
func shown(text string) error {
	if n := utf8.RuneCountInString(text); !utf8.ValidString(text) || n > 1024 || n == 0 {
		return fmt.Errorf("%d characters of UTF-8: %.40q", n, text)
	}
	for _, c := range text {
		if !unicode.IsPrint(c) {
			return fmt.Errorf("has the character %q", c)
		}
	}
	return nil
}

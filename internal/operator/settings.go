package operator

import (
	"context"
	"encoding/json"
	"net/http"
)

// SettingsPath is where [Settings] are, at control sockets alone.
const SettingsPath = "/v1/admin/settings"

// Settings are what the process that answers was given by its environment: variables that
// stand in no file, less the secrets.
type Settings struct {
	Environment map[string]string `json:"environment"`
}

// WithSettings answers like h, and at [SettingsPath] with what an environment sets.
func WithSettings(h http.Handler, environment map[string]string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("GET "+SettingsPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(Settings{environment}) // who left is not waiting for it
	})
	return mux
}

// AskSettings asks the first process that answers at a control socket in folder, or returns
// [ErrNobody].
func AskSettings(ctx context.Context, folder string) (s Settings, err error) {
	err = Ask(ctx, folder, Call{Path: SettingsPath, Timeout: helloTimeout}, &s)
	return s, err
}

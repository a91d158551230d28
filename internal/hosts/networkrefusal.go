package hosts

import (
	"fmt"
	"strings"
)

// leftBridge is what an engine says that finds the bridge of a network there which it does
// not list: mostly one that it could make only half of, for whatever reason it gave then.
const leftBridge = "same bridge name"

// noteRefusal remembers why the engine did not make our network, unless that only comes of
// an attempt before; nil: it is there.
func (h *host) noteRefusal(err error) {
	if err != nil && strings.Contains(err.Error(), leftBridge) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.networkRefusal = err
}

// explainRefusal returns [ErrNetwork] for a network that the engine does not make.
func (h *host) explainRefusal(name string, refusal error) error {
	h.mu.Lock()
	first := h.networkRefusal
	h.mu.Unlock()
	text := strings.ToLower(refusal.Error())
	switch {
	case strings.Contains(text, leftBridge) && first != nil:
		return fmt.Errorf("%w: %s cannot be made: %w (what is left of that attempt is in the way now: %w)", ErrNetwork, name, first, refusal)
	case strings.Contains(text, leftBridge):
		return fmt.Errorf("%w: %s cannot be made: %w (another network has the bridge %s, or an attempt left it that failed: is the disk full? CONTAINER_NETWORK names another network)",
			ErrNetwork, name, refusal, ownBridge)
	case strings.Contains(text, "pool"):
		return fmt.Errorf("%w: %s cannot be made: %w (CONTAINER_SUBNET names addresses for it, CONTAINER_NETWORK another one)", ErrNetwork, name, refusal)
	}
	return fmt.Errorf("%w: %s cannot be made: %w", ErrNetwork, name, refusal)
}

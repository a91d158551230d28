package journal

import "strings"

const (
	maxText    = 1000 // bytes of what others say
	maxReasons = 20   // of one refusal
)

// cut returns what happened with no more words than fit.
func cut(w What) What {
	switch w := w.(type) {
	case Failed:
		w.Why = shorten(w.Why)
		return w
	case WarmUpFailed:
		w.Why = shorten(w.Why)
		return w
	case HostDown:
		w.Why = shorten(w.Why)
		return w
	case GatewayRefused:
		w.Why = shorten(w.Why)
		return w
	case Refused:
		w.Why = shorten(w.Why)
		for _, r := range w.Reasons[min(maxReasons, len(w.Reasons)):] {
			w.Others += 1 + r.More
		}
		reasons := make([]Reason, min(maxReasons, len(w.Reasons)))
		for i := range reasons {
			reasons[i] = w.Reasons[i]
			reasons[i].Why = shorten(reasons[i].Why)
		}
		w.Reasons = reasons
		return w
	}
	return w
}

func shorten(text string) string {
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

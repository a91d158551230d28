package main

import (
	"io"
	"log/syslog"
)

// syslogOr returns the host's log, or where there is none, fallback.
func syslogOr(fallback io.Writer) io.Writer {
	w, err := syslog.New(syslog.LOG_WARNING|syslog.LOG_AUTHPRIV, "wrp-hostguard")
	if err != nil {
		return fallback
	}
	return w
}

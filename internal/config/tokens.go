package config

// otherTokens parses the tokens that need not be there. Each opens something else, so no
// two may be the same.
func (p *parser) otherTokens(c *Config, v *variables) {
	c.AuthTokenPrevious = p.token("AUTH_TOKEN_PREVIOUS", v.AuthTokenPrevious, v.AuthTokenPreviousFile)
	c.BackendToken = p.token("BACKEND_TOKEN", v.BackendToken, v.BackendTokenFile)
	c.MetricsToken = p.token("METRICS_TOKEN", v.MetricsToken, v.MetricsTokenFile)
	c.MetricsListen = p.metricsListen("METRICS_LISTEN", v.MetricsListen)
	c.AdminToken = p.token("ADMIN_TOKEN", v.AdminToken, v.AdminTokenFile)
	if c.AuthTokenPrevious != "" && c.AuthTokenPrevious == c.AuthToken {
		p.wrong("AUTH_TOKEN_PREVIOUS", "", "is that of AUTH_TOKEN; want the one that clients had before, or nothing")
		return
	}
	of := map[Secret]string{c.AuthTokenPrevious: "AUTH_TOKEN_PREVIOUS", c.AuthToken: "AUTH_TOKEN"}
	delete(of, "")
	for _, t := range []struct {
		name  string
		token Secret
	}{{"BACKEND_TOKEN", c.BackendToken}, {"ADMIN_TOKEN", c.AdminToken}, {"METRICS_TOKEN", c.MetricsToken}} {
		if other, taken := of[t.token]; taken {
			p.wrong(t.name, "", "is that of %s, and each opens something else; want another secret", other)
		}
		if t.token != "" {
			of[t.token] = t.name
		}
	}
}

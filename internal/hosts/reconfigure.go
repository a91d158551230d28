package hosts

import "bytes"

// configured returns the host as it is configured now.
func (h *host) configured() Host {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.Host
}

// reconfigure gives the host what is configured for it now, under the same name. It
// reports whether it was leaving, and whether anything is another than before.
func (h *host) reconfigure(c Host) (came, changed bool) {
	h.mu.Lock()
	before := h.Host
	came, h.leaving = h.leaving, false
	h.Address, h.Publish = c.Address, c.Publish
	h.Max, h.Auto, h.Warm, h.WarmTLS = c.Max, c.Auto, c.Warm, c.WarmTLS
	newTLS, newLogin := !sameFiles(before.TLS, c.TLS), !sameLogin(before.SSH, c.SSH)
	if newTLS {
		h.TLS, h.noFiles = c.TLS, false
	}
	if newLogin {
		h.SSH = c.SSH
		h.forget()
	}
	h.mu.Unlock()
	if h.client != nil {
		h.client.required.configure(h.cfg.requiredPorts(c))
	}
	if newLogin {
		h.client.retarget(*c.SSH)
		h.engine.close() // its idle connections lead over the old one
	}
	if newLogin || newTLS {
		h.checkSoon()
	}
	return came, newTLS || newLogin || before.differs(c)
}

// differs reports whether two hosts are configured in another way, login and certificate
// apart.
func (h Host) differs(other Host) bool {
	h.SSH, other.SSH, h.TLS, other.TLS = nil, nil, nil, nil
	return h != other
}

func sameFiles(a, b *TLSFiles) bool { return a == b || a != nil && b != nil && *a == *b }

// sameLogin reports whether two ways lead to the same sshd, as the same user with the same
// key.
func sameLogin(a, b *SSH) bool {
	if a == nil || b == nil {
		return true // there is no other way to this machine
	}
	return a.Addr == b.Addr && a.User == b.User && bytes.Equal(a.Signer.PublicKey().Marshal(), b.Signer.PublicKey().Marshal())
}

// leave notes that the host is configured no more, and reports whether it was until now.
func (h *host) leave() (first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first, h.leaving = !h.leaving, true
	h.Warm, h.WarmTLS = 0, 0
	return first
}

// forget makes the host one of which nothing is known yet. h.mu is held.
func (h *host) forget() {
	h.checked = false
	h.connectionFault.clear()
	h.engineFault.clear()
	h.resetPauses()
}

// checkSoon has the host checked at once by who looks after it.
func (h *host) checkSoon() {
	select {
	case h.recheck <- struct{}{}:
	default:
	}
}

// retarget has the next connection made in another way. One that stands ends when nobody
// is served over it any more.
func (c *sshClient) retarget(target SSH) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.target, c.generation = target, c.generation+1
	c.retire(c.open)
	c.open = nil
}

// destination returns where to log in, which that is of those there were, and by which way
// the last connection reached the engine.
func (c *sshClient) destination() (target SSH, generation int, known way) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.target, c.generation, c.way
}

// configure replaces the ports that are probed on each new connection.
func (r *requiredPorts) configure(ports []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.configured = ports
}

// isEmpty reports whether there is no gateway.
func (r *requiredPorts) isEmpty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.configured) == 0
}

// forget removes a host that is configured no more.
func (e *engineOwners) forget(host string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for engine, owner := range e.owners {
		if owner == host {
			delete(e.owners, engine)
		}
	}
}

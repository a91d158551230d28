//go:build !linux

package hostguard

// Containers' hosts are Linux; elsewhere the package is built with the rest.

func disk(string) *Amount { return nil }

func egress() Egress { return NotKnown }

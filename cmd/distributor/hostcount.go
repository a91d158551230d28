package main

import (
	"fmt"
	"strconv"
)

// maxPretend is how many loopback addresses there are from 127.0.0.2 on, less a few.
const maxPretend = 250

// A hostCount is how many hosts are pretended; 0: none.
type hostCount int

// String implements [github.com/spf13/pflag.Value].
func (n *hostCount) String() string { return strconv.Itoa(int(*n)) }

// Set implements it, too.
func (n *hostCount) Set(text string) error {
	count, err := strconv.Atoi(text)
	if err != nil || count < 1 || count > maxPretend {
		return fmt.Errorf("want a whole number of hosts from 1 to %d", maxPretend)
	}
	*n = hostCount(count)
	return nil
}

// Type is what help calls it.
func (*hostCount) Type() string { return "number" }

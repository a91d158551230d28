package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"golang.org/x/sys/unix"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/doctor"
	"wrpdistributor/internal/hostsetup"
)

// canWrite returns why a file that is to be written in the end cannot be: then the host is
// left alone.
func (a *addition) canWrite() error {
	files := []string{a.cfg.KnownHosts.Files[0]}
	if a.line != "" && a.at.HostsFile != "" {
		files = append(files, a.at.HostsFile)
	}
	for _, file := range files {
		err := unix.Access(file, unix.W_OK)
		if errors.Is(err, fs.ErrNotExist) {
			err = unix.Access(filepath.Dir(file), unix.W_OK)
		}
		if err != nil {
			return fmt.Errorf("%s cannot be written: %w; run this as somebody who may, such as root", file, err)
		}
	}
	return nil
}

// writeLine adds the host to HOSTS_FILE, unless somebody else has done so meanwhile.
func (a *addition) writeLine() error {
	f, err := os.OpenFile(a.at.HostsFile, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", a.at.HostsFile, err)
	}
	now, err := config.Find(a.opt.envFile, a.theirs, a.host.Name)
	if err != nil || now.Name != "" {
		return err
	}
	a.did(doctor.Here, fmt.Sprintf("sed -i %s %s; distributor reload", hostsetup.Quote("/^"+regexp.QuoteMeta(a.host.Name)+"[[:space:]]/d"), hostsetup.Quote(a.at.HostsFile)))
	if err := appendWhole(f, a.line); err != nil {
		return fmt.Errorf("write into %s: %w", a.at.HostsFile, err)
	}
	a.say("changed", "HOSTS_FILE", a.at.HostsFile+" has it: "+a.line)
	return nil
}

// appendWhole adds a line to a file: the whole line, on stable storage, or nothing.
func appendWhole(f *os.File, line string) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	line += "\n"
	if last := make([]byte, 1); size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = "\n" + line
		}
	}
	_, err = f.WriteString(line)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Truncate(size))
	}
	return nil
}

// convert prints what is to be in a HOSTS_FILE, where CONTAINER_HOSTS has the hosts.
func (a *addition) convert() error {
	text, err := config.Converted(a.opt.envFile, a.theirs, a.line)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.cmd.ErrOrStderr(), `%s works, and joins by your hand: the hosts stand in CONTAINER_HOSTS, where nothing was
changed. Below, on the standard output, are all of them as a file. Save it, such as as
%[2]s; in the settings set HOSTS_FILE=%[2]s and take out CONTAINER_HOSTS,
CONTAINER_HOSTS_KEYS, CONTAINER_HOSTS_KEYS_FILE, CONTAINER_HOSTS_TLS_CERTS, and those of
MAX_CONTAINERS_RUNNING, WARM_CONTAINERS and WARM_TLS_CONTAINERS that have a number for each
host; then restart the distributor. From then on hosts join without a restart.
`, a.host.Name, filepath.Join(a.at.SSHDir, "hosts"))
	_, err = io.WriteString(a.cmd.OutOrStdout(), text)
	return err
}

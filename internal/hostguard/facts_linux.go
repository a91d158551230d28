package hostguard

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"
)

// disk returns how much room there is where a path is; nil: that cannot be seen.
func disk(path string) *Amount {
	var s syscall.Statfs_t
	if path == "" || syscall.Statfs(path, &s) != nil {
		return nil
	}
	return &Amount{Free: int64(s.Bavail) * int64(s.Bsize), Total: int64(s.Blocks) * int64(s.Bsize)}
}

// egressUnit is there while systemd has the unit active that loads the table.
const egressUnit = "/run/systemd/units/invocation:wrp-egress.service"

// egress finds out whether the host's table is loaded: from the kernel, which tells whoever
// may change tables, or else from systemd.
func egress() Egress {
	switch err := findTable("wrp_egress"); {
	case err == nil:
		return Loaded
	case errors.Is(err, syscall.ENOENT):
		return NotLoaded
	}
	if _, err := os.Stat("/run/systemd/units"); err != nil {
		return NotKnown
	}
	if _, err := os.Lstat(egressUnit); err != nil {
		return UnitInactive
	}
	return UnitActive
}

// What the kernel's nf_tables speaks, by its headers.
const (
	netlinkNetfilter = 12
	getTable         = 10<<8 | 1 // NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE
	familyInet       = 1
	tableName        = 1
)

// findTable returns [syscall.ENOENT] if there is no nftables table inet of that name.
func findTable(name string) error {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, netlinkNetfilter)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Sec: 1}); err != nil {
		return err
	}
	if err := syscall.Sendto(fd, tableRequest(name), 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, os.Getpagesize())
	n, _, err := syscall.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	messages, err := syscall.ParseNetlinkMessage(answer[:n])
	if err != nil || len(messages) == 0 {
		return errors.New("the kernel's answer is none")
	}
	if m := messages[0]; m.Header.Type == syscall.NLMSG_ERROR && len(m.Data) >= 4 {
		return syscall.Errno(-int32(binary.NativeEndian.Uint32(m.Data)))
	}
	return nil
}

// tableRequest asks for one table.
func tableRequest(name string) []byte {
	attr := binary.NativeEndian.AppendUint16(nil, uint16(syscall.SizeofNlAttr+len(name)+1))
	attr = binary.NativeEndian.AppendUint16(attr, tableName)
	attr = append(append(attr, name...), 0)
	for len(attr)%4 != 0 {
		attr = append(attr, 0)
	}
	body := append([]byte{familyInet, 0, 0, 0}, attr...)
	head := binary.NativeEndian.AppendUint32(nil, uint32(syscall.SizeofNlMsghdr+len(body)))
	head = binary.NativeEndian.AppendUint16(head, getTable)
	head = binary.NativeEndian.AppendUint16(head, syscall.NLM_F_REQUEST)
	head = binary.NativeEndian.AppendUint64(head, 0) // sequence and port
	return append(head, body...)
}

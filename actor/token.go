package actor

import "strconv"

// A call's token on the wire is eight hexadecimal digits of salt, the sequence
// number in base 36, and when it is sent again "-" and the number of the
// sending: a late frame about an earlier sending must not be taken for one about
// this.
const saltDigits = 8

func appendToken(b []byte, salt uint32, seq uint64, sending int) []byte {
	const hex = "0123456789abcdef"
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, hex[salt>>shift&0xf])
	}
	b = strconv.AppendUint(b, seq, 36)
	if sending > 1 {
		b = append(b, '-')
		b = strconv.AppendInt(b, int64(sending), 10)
	}
	return b
}

// appendToken appends the call's token for a sending.
func (c *call) appendToken(b []byte, sends int32) []byte {
	return appendToken(b, c.salt, c.seq, int(sends))
}

// parseToken reads a token that this node may have made. It allocates nothing
// and is not strict: what it gets wrong is in no table.
func parseToken(s string) (salt uint32, seq uint64, sending int, ok bool) {
	if len(s) <= saltDigits {
		return 0, 0, 0, false
	}
	for i := range saltDigits {
		d := digit(s[i])
		if d >= 16 {
			return 0, 0, 0, false
		}
		salt = salt<<4 | uint32(d)
	}
	for i := saltDigits; i < len(s); i++ {
		if s[i] == '-' {
			n, err := strconv.ParseUint(s[i+1:], 10, 31)
			return salt, seq, int(n), err == nil
		}
		d := digit(s[i])
		if d >= 36 {
			return 0, 0, 0, false
		}
		seq = seq*36 + uint64(d)
	}
	return salt, seq, 1, true
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'z':
		return c - 'a' + 10
	default:
		return 0xff
	}
}

package amqp

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/atasks-io/atasks/transport"
)

// How a message of the seam is written as one of AMQP. What has a property of
// AMQP's own is there, so that other clients find it.
const (
	contentType = "Content-Type" // the header field that is the property content_type

	replyField = "x-at-reply" // a reply subject that is longer than a property may be

	// nobodyThere is the property type of a message that stands for
	// NoResponders: it was taken out of a queue that nobody read.
	nobodyThere = "at-nobody"
	// marker is that of a message to oneself, behind which nothing older comes.
	marker = "at-marker"
)

// What the reply_to of clients begins with that know nothing of us: direct
// reply-to, and queues that the server has named.
const (
	directReply = "amq.rabbitmq.reply-to."
	namedQueue  = "amq.gen-"
)

// isForeign says whether an address is one of a client that knows nothing of us.
func isForeign(address string) bool {
	return strings.HasPrefix(address, directReply) || strings.HasPrefix(address, namedQueue)
}

// correlation begins the last token of a foreign reply subject, which carries
// the correlation ID of the request.
const correlation = ".~"

// foreignReply returns the reply subject that stands for reply_to and
// correlation_id.
func foreignReply(replyTo, id string) string {
	if id == "" {
		return replyTo
	}
	return replyTo + correlation + base64.RawURLEncoding.EncodeToString([]byte(id))
}

// parseForeign is the inverse of foreignReply.
func parseForeign(subject string) (replyTo, id string) {
	at := strings.LastIndex(subject, correlation)
	if at < 0 {
		return subject, ""
	}
	b, err := base64.RawURLEncoding.DecodeString(subject[at+len(correlation):])
	if err != nil || len(b) > maxShort {
		return subject, ""
	}
	return subject[:at], string(b)
}

// toField returns the name under which a header field travels. RabbitMQ routes
// by CC and BCC, and keeps what begins with "x-" for itself.
func toField(key string) string {
	if isReserved(key) {
		return "~" + key
	}
	return key
}

// fromField is the inverse of toField; not ok are fields that no user has sent.
func fromField(field string) (key string, ok bool) {
	if rest, escaped := strings.CutPrefix(field, "~"); escaped {
		return rest, isReserved(rest)
	}
	return field, !isReserved(field)
}

func isReserved(key string) bool {
	return key == "CC" || key == "BCC" || strings.HasPrefix(key, "x-") || strings.HasPrefix(key, "~")
}

// fieldCost is what a field takes up in a frame beside its name and value.
const fieldCost = 16

// toPublishing fills p with m and says how many bytes its header takes up. p
// shares m.Data.
func toPublishing(p *amqp.Publishing, m *transport.Message) (size int, err error) {
	*p = amqp.Publishing{Body: m.Data, DeliveryMode: amqp.Transient}
	if m.Expires > 0 {
		// Rounded up: what has no time left is not sent at all.
		p.Expiration = strconv.FormatInt(int64((m.Expires+time.Millisecond-1)/time.Millisecond), 10)
	}
	if len(m.Reply) > maxShort {
		p.Headers = amqp.Table{replyField: m.Reply}
		size += len(m.Reply) + fieldCost + len(replyField)
	} else {
		p.ReplyTo = m.Reply
	}
	for k, vs := range m.Header {
		if len(k) >= maxShort {
			return 0, fmt.Errorf("%w: a key of %d bytes, want at most %d", transport.ErrHeader, len(k), maxShort-1)
		}
		size += len(k)
		for _, v := range vs {
			size += len(v) + fieldCost
		}
		switch {
		case len(vs) == 0:
			continue
		case len(vs) == 1 && k == contentType && vs[0] != "" && len(vs[0]) <= maxShort:
			p.ContentType = vs[0]
			continue
		case p.Headers == nil:
			p.Headers = make(amqp.Table, len(m.Header))
		}
		if len(vs) == 1 {
			p.Headers[toField(k)] = vs[0]
			continue
		}
		list := make([]any, len(vs))
		for i, v := range vs {
			list[i] = v
		}
		p.Headers[toField(k)] = list
	}
	return size, nil
}

// fromDelivery turns what the broker delivers into a message that shares
// nothing with anyone.
func fromDelivery(d *amqp.Delivery) transport.Message {
	m := transport.Message{Subject: fromKey(d.RoutingKey), Data: d.Body, Redelivered: d.Redelivered}
	m.Reply = replyOf(d.ReplyTo, d.CorrelationId, d.Headers)
	if whole, ok := d.Headers[wholeField].(string); ok {
		m.Subject = whole
	}
	if d.Type == nobodyThere {
		return transport.Message{Subject: m.Subject, Status: transport.NoResponders}
	}
	if len(d.Headers) > 0 {
		m.Header = fromTable(d.Headers)
	}
	if d.ContentType != "" {
		if m.Header == nil {
			m.Header = make(transport.Header, 1)
		}
		m.Header.Set(contentType, d.ContentType)
	}
	return m
}

// replyOf returns the reply subject of a message, delivered or returned.
func replyOf(replyTo, id string, fields amqp.Table) string {
	if isForeign(replyTo) {
		return foreignReply(replyTo, id)
	}
	if replyTo == "" {
		long, _ := fields[replyField].(string)
		return long
	}
	return replyTo
}

// fromTable keeps the text of a table: what other types clients may send means
// nothing to us.
func fromTable(t amqp.Table) transport.Header {
	var h transport.Header
	for field, v := range t {
		key, ok := fromField(field)
		if !ok {
			continue
		}
		values := texts(v)
		if len(values) == 0 {
			continue
		}
		if h == nil {
			h = make(transport.Header, len(t))
		}
		h[key] = values
	}
	return h
}

func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		list := make([]string, 0, len(v))
		for _, e := range v {
			if s, ok := e.(string); ok {
				list = append(list, s)
			}
		}
		return list
	default:
		return nil
	}
}

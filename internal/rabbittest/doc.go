// Package rabbittest runs RabbitMQ for tests: a private node with its own name,
// ports, directories and port mapper, which listens on the loopback interface
// only and is stopped with the test. It never touches the system's own service.
package rabbittest

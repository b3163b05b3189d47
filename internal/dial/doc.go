// Package dial finds out which broker a program shall connect to, and as whom,
// from its flags, its environment and the contexts of the nats tool, and
// connects to it. It is what the command line and the programs built with
// atask/worker share; libraries read nothing from the environment.
package dial

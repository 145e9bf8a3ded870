// Package config reads the settings of the controller's programs: those of run,
// of prepare-node and of prestop.
//
// Each program has one table, which is all there is to say about a setting: its
// name, default, accepted form and meaning. Flags, environment, validation, help,
// the redacted print and docs/configuration.md come from it.
//
// # Promises
//
//   - A flag beats the environment, the environment beats the default. A variable
//     set to the empty string counts as unset.
//   - All problems are reported at once, one line each, with the flag or variable,
//     its value, and what is accepted.
//   - A value is accepted only if the program can work with it: relations between
//     settings are checked too.
//   - The password is in no print of a Config, whatever the verb, and in no error.
//
// # What it will not do
//
// It opens nothing: that an address is free, a file is there or a name exists is
// found out by whoever uses it. It keeps no state and reads nothing later than
// Complete.
package config

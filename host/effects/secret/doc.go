// Package secret keeps the owner's secrets at rest: in the operating system's
// keyring where one works, else in one age-encrypted file. Start at [Open].
//
// What holds: nothing plain is ever written to disk, temporary files included;
// a [Value] prints as "[redacted]" whatever verb or encoder meets it; values
// shorter than [MinBytes] are refused, because redacting them from responses
// would be meaningless.
//
// What the file protects depends on where its key lies. The file is encrypted
// to an X25519 identity kept in a separate file with mode 0600. By default
// that is identity.age in the same folder: then a copy of secrets.age alone (a
// backup of single files, a careless upload, a synced folder that leaves out
// the identity) gives nothing away, but whoever can read the whole folder as
// the owner can decrypt. Naming a file elsewhere in AMBIT_SECRETS_IDENTITY
// (another volume, a removable or encrypted one) protects copies of the whole
// folder as well. Neither protects against a program that runs as the owner;
// only a keyring that locks does, while it is locked.
package secret

// Package journal keeps record.Entries and record.Notes in a SQLite database: one file, one process that writes, and
// any number that read beside it.
//
// What a caller can count on:
//
//   - Append returns once the entry is on disk (WAL with synchronous=FULL), so an effect whose intent was appended is
//     told after any crash. After an error nothing was written, and the effect must not be had.
//   - Entries and results are never changed or deleted; triggers of the schema see to it.
//   - A disk that fills up is failure.ErrTransient, and the journal goes on once there is room.
//   - A second process that wants to write is refused, for only one daemon may act.
//   - A file that is damaged, of a newer program or of another one is refused with its name and what to do, and is left
//     as it is.
//
// The order is Append, the effect, End. An action without a result was under way when its daemon ended: look at the
// world to see what became of it.
//
// Writing takes no notice of a context that ends meanwhile: half a second more is better than an entry of which nobody
// knows whether it was written. What an entry says must hold no secrets; the journal does not look.
package journal

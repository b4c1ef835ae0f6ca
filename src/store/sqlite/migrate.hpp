/// Brings the tables of a database to what this version knows.
#pragma once

#include "store/sqlite/database.hpp"

namespace baton::sqlite {

/// Applies the migrations that are missing, in one transaction. Throws Failure: store.unavailable if a newer Baton wrote
/// the file, or if it is older and `read_only` forbids to change it.
void migrate(Database& database, bool read_only, core::Instant now);

}  // namespace baton::sqlite

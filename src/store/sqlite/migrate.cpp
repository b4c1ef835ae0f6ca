#include "store/sqlite/migrate.hpp"

#include <charconv>
#include <iterator>

#include "sqlite_migrations.hpp"

namespace baton::sqlite {
namespace {

// `0001_runs.sql`: 1.
std::int64_t version_of(const embedded::File& migration) {
  std::int64_t version = 0;
  std::from_chars(migration.name.data(), migration.name.data() + migration.name.size(), version);
  BATON_ASSERT(version > 0);
  return version;
}

std::int64_t newest_applied(Database& database) {
  Statement table(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'");
  {
    auto found = table.rows();
    if (!found.next() || found.number() == 0) return 0;
  }
  Statement newest(database, "SELECT coalesce(max(version), 0) FROM schema_migrations");
  auto found = newest.rows();
  return found.next() ? found.number() : 0;
}

void apply(Database& database, const embedded::File& migration, core::Instant now) {
  const std::string sql(migration.text);
  database.execute(sql.c_str());
  Statement applied(database, "INSERT INTO schema_migrations (version, name, applied, by_version) VALUES (?, ?, ?, ?)");
  applied.run(version_of(migration), migration.name, now, BATON_VERSION);
}

Error wrong_version(const Database& database, std::string what, std::string way_out) {
  return {.code = "store.unavailable", .what = std::move(what), .where = database.path(), .way_out = std::move(way_out)};
}

}  // namespace

void migrate(Database& database, bool read_only, core::Instant now) {
  const auto known = version_of(*std::prev(std::end(embedded::sqlite_migrations)));
  const auto applied = newest_applied(database);
  if (applied == known) return;
  if (applied > known) {
    throw Failure{wrong_version(database,
                                "the state file was written by a newer Baton: its tables are of version " +
                                    std::to_string(applied) + ", this Baton (" BATON_VERSION ") knows version " +
                                    std::to_string(known),
                                "use that Baton, or another folder with --state")};
  }
  if (read_only && !database.is_empty_stand_in()) {
    throw Failure{wrong_version(database,
                                "the state file was written by an older Baton (tables of version " + std::to_string(applied) +
                                    ") and cannot be brought up to date here, as it is only read",
                                "start a run with this Baton once, where the folder can be written")};
  }
  database.execute("BEGIN IMMEDIATE");
  try {
    // Looked at again under the lock: another process may have been quicker.
    database.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied INTEGER NOT NULL,"
        " by_version TEXT NOT NULL)");
    const auto missing_from = newest_applied(database);
    for (const auto& migration : embedded::sqlite_migrations) {
      if (version_of(migration) > missing_from) apply(database, migration, now);
    }
    database.execute("COMMIT");
  } catch (...) {
    sqlite3_exec(database.connection(), "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
}

}  // namespace baton::sqlite

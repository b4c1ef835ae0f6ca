#include "store/postgres/migrate.hpp"

#include <charconv>
#include <iterator>
#include <memory>

#include "core/mutants.hpp"
#include "postgres/connection.hpp"
#include "postgres_migrations.hpp"
#include "store/postgres/failures.hpp"

namespace baton {

using boost::asio::awaitable;
using postgres::Connection;
using postgres::Parameters;
using postgres::Statement;

namespace {

// What a program must know at least to work on these tables. Raised by the migration that removes something, one release after it was
// used last.
constexpr std::int64_t minimum = 1;

constexpr Statement lock{"lock_migrations",
                         "SELECT pg_advisory_lock(hashtextextended('baton migrations in ' || current_schema(), 0))"};
constexpr Statement has_table{"has_migrations", "SELECT to_regclass('schema_migrations') IS NOT NULL"};
constexpr Statement applied_ones{"applied_migrations",
                                 "SELECT coalesce(max(version), 0), coalesce(max(minimum), 0) FROM schema_migrations"};
constexpr Statement existing{
    "existing_tables",
    "SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename IN ('users', 'projects',"
    " 'projects_nodes', 'clusters', 'comp_pipeline', 'comp_runs', 'comp_run_snapshot_tasks', 'comp_tasks', "
    "'comp_runs_collections') ORDER BY tablename"};

// `0001_runs.sql`: 1.
std::int64_t version_of(const embedded::File& migration) {
  std::int64_t version = 0;
  std::from_chars(migration.name.data(), migration.name.data() + migration.name.size(), version);
  BATON_ASSERT(version > 0);
  return version;
}

std::string script_of(const embedded::File& migration) {
  return "BEGIN;\n" + std::string(migration.text) +
         "\nINSERT INTO schema_migrations (version, name, applied, by_version, minimum) VALUES (" +
         std::to_string(version_of(migration)) + ", '" + std::string(migration.name) +
         "', clock_timestamp(), '" BATON_VERSION "', " + std::to_string(minimum) + ");\nCOMMIT;";
}

struct Applied {
  std::int64_t newest = 0;
  std::int64_t minimum = 0;
};

std::vector<postgres::Call> one(const Statement& statement) { return {{&statement, Parameters()}}; }

awaitable<Result<Applied>> read_applied(Connection& connection) {
  auto table = co_await connection.run(one(has_table));
  if (!table) co_return fail(store::error_of(table.error()));
  if (!(*table)[0][0].truth()) co_return Applied{};
  auto found = co_await connection.run(one(applied_ones));
  if (!found) co_return fail(store::error_of(found.error()));
  auto row = (*found)[0][0];
  Applied applied;
  applied.newest = row.number();
  applied.minimum = row.number();
  co_return applied;
}

awaitable<Result<std::vector<std::string>>> read_existing(Connection& connection) {
  auto found = co_await connection.run(one(existing));
  if (!found) co_return fail(store::error_of(found.error()));
  std::vector<std::string> tables;
  for (auto row : (*found)[0]) tables.emplace_back(row.text());
  co_return tables;
}

awaitable<Result<Migrated>> migrate_or_look(boost::asio::any_io_executor executor, postgres::Options options, bool look_only) {
  options.statement_limit = std::chrono::hours(1);  // a large table may take its time, and another may be at it
  auto opened = co_await Connection::open(executor, options);
  if (!opened) co_return fail(store::error_of(opened.error()));
  auto& connection = **opened;
  if (!look_only) {
    auto locked = co_await connection.run(one(lock));  // until the connection is closed
    if (!locked) co_return fail(store::error_of(locked.error()));
  }
  auto applied = co_await read_applied(connection);
  if (!applied) co_return fail(applied.error());
  const auto known = version_of(*std::prev(std::end(embedded::postgres_migrations)));
  if (applied->minimum > known) {
    co_return fail({.code = "store.newer",
                    .what = "the database needs a Baton that knows migration " + std::to_string(applied->minimum) +
                            ", this one (" BATON_VERSION ") knows " + std::to_string(known),
                    .where = options.database,
                    .way_out = "use a newer Baton"});
  }
  Migrated report{.from = applied->newest, .to = std::max(applied->newest, known)};
  if (applied->newest == 0) {
    auto tables = co_await read_existing(connection);
    if (!tables) co_return fail(tables.error());
    report.existed = std::move(*tables);
  }
  for (const auto& migration : embedded::postgres_migrations) {
    if (version_of(migration) > applied->newest) report.applied.emplace_back(migration.name);
  }
  if (look_only || report.applied.empty()) co_return report;
  auto table = co_await connection.script(
      "CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY, name varchar NOT NULL, applied timestamptz NOT "
      "NULL,"
      " by_version varchar NOT NULL, minimum integer NOT NULL)");
  if (!table) co_return fail(store::error_of(table.error()));
  for (const auto& migration : embedded::postgres_migrations) {
    if (version_of(migration) <= applied->newest) continue;
    auto done = co_await connection.script(script_of(migration));
    if (done) continue;
    auto error = store::error_of(done.error());
    error.what = "migration " + std::string(migration.name) + " was not applied: " + done.error().message;
    co_return fail(std::move(error));
  }
  if (core::mutant(core::Mutant::start_unchecked)) co_await connection.script("DROP INDEX uq_comp_runs_unfinished");
  co_return report;
}

}  // namespace

awaitable<Result<Migrated>> migrate(boost::asio::any_io_executor executor, postgres::Options options) {
  return migrate_or_look(std::move(executor), std::move(options), false);
}
awaitable<Result<Migrated>> check_migrations(boost::asio::any_io_executor executor, postgres::Options options) {
  return migrate_or_look(std::move(executor), std::move(options), true);
}

}  // namespace baton

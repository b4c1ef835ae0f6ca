#include "contract/store/postgres_world.hpp"

#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include <stdexcept>

#include "core/time_text.hpp"
#include "store/postgres/migrate.hpp"
#include "support/servers.hpp"

namespace baton::test {
namespace {

awaitable<void> migrate_into(boost::asio::any_io_executor executor, postgres::Options options, Result<Migrated>& answer) {
  answer = co_await migrate(std::move(executor), std::move(options));
}

PGconn* connect(const Postgres& server) {
  const auto port = std::to_string(server.port);
  const char* names[] = {"host", "port", "user", "password", "dbname", nullptr};
  const char* values[] = {server.host.c_str(),     port.c_str(), server.user.c_str(), server.password.c_str(),
                          server.database.c_str(), nullptr};
  auto* connection = PQconnectdbParams(names, values, 0);
  if (PQstatus(connection) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection));
  PQsetNoticeProcessor(connection, [](void*, const char*) {}, nullptr);
  return connection;
}

}  // namespace

PostgresWorld& PostgresWorld::instance() {
  static PostgresWorld world;
  return world;
}

PostgresWorld::PostgresWorld()
    : schema_("contract_" + std::to_string(::getpid())), connection_(connect(test::postgres()), PQfinish) {
  execute("DROP SCHEMA IF EXISTS " + schema_ + " CASCADE");
  execute("CREATE SCHEMA " + schema_);
  execute("SET search_path = " + schema_ + ", pg_catalog; SET synchronous_commit = off");
  AsioRuntime runtime;
  Result<Migrated> migrated;
  runtime.run(migrate_into(runtime.io().get_executor(), options(), migrated));
  if (!migrated) throw std::runtime_error(migrated.error().what);
  execute("CREATE TABLE test_clock AS SELECT now() AS now");
  execute("CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT now FROM test_clock'");
}

PostgresWorld::~PostgresWorld() { PQclear(PQexec(connection_.get(), ("DROP SCHEMA IF EXISTS " + schema_ + " CASCADE").c_str())); }

postgres::Options PostgresWorld::options() const {
  const auto server = test::postgres();
  return {.host = server.host,
          .port = server.port,
          .user = server.user,
          .password = server.password,
          .database = server.database,
          .search_path = schema_ + ",pg_catalog"};
}

void PostgresWorld::clear() {
  execute(
      "DELETE FROM comp_runs; DELETE FROM comp_tasks; DELETE FROM comp_pipeline; DELETE FROM projects; DELETE FROM users;"
      " DELETE FROM replicas; DELETE FROM local_keeper; ALTER SEQUENCE comp_runs_run_id_seq RESTART");
}

void PostgresWorld::set_clock(core::Instant now) { execute("UPDATE test_clock SET now = '" + core::to_text(now) + "'"); }

std::vector<std::string> PostgresWorld::execute(const std::string& sql) {
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(connection_.get(), sql.c_str()), PQclear);
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) throw std::runtime_error(PQresultErrorMessage(result.get()));
  std::vector<std::string> rows;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    auto& text = rows.emplace_back();
    for (int column = 0; column < PQnfields(result.get()); ++column) {
      if (column > 0) text += '|';
      text += PQgetvalue(result.get(), row, column);
    }
  }
  return rows;
}

}  // namespace baton::test

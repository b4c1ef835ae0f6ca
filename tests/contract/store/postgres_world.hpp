/// A schema of this process in the server that the environment names, with a clock that tests move: the adapter says clock_timestamp(), and
/// the schema, which is looked through before pg_catalog, has one of its own.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

#include "ports/store.hpp"
#include "postgres/types.hpp"
#include "runtime/asio/asio_runtime.hpp"

namespace baton::test {

class PostgresWorld {
 public:
  /// Made by the first test that needs it; its tables are dropped with the process.
  static PostgresWorld& instance();
  ~PostgresWorld();

  [[nodiscard]] postgres::Options options() const;
  /// No run, no project, no replica.
  void clear();
  void set_clock(core::Instant now);
  /// Each row as text, columns divided by `|`. Throws with the server's words.
  std::vector<std::string> execute(const std::string& sql);

 private:
  PostgresWorld();
  std::string schema_;
  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
};

}  // namespace baton::test

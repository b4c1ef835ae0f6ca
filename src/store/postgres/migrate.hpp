/// Brings the tables of a database to what this version knows. Migrations only add (R19): a replica of the version before goes on working.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "postgres/types.hpp"

namespace baton {

struct Migrated {
  std::int64_t from = 0;             ///< the newest migration that was there; 0: none
  std::int64_t to = 0;               ///< … and is there now; or, asked only, would be
  std::vector<std::string> applied;  ///< names of those that were missing
  std::vector<std::string> existed;  ///< tables that were there before the first one: left alone but for added columns
};

/// Under an advisory lock; each migration is a transaction. Several may call it at once. Errors: store.unavailable, store.damaged,
/// store.newer (the database needs a newer Baton).
boost::asio::awaitable<Result<Migrated>> migrate(boost::asio::any_io_executor executor, postgres::Options options);
/// Only says what migrate would do. Errors: as migrate.
boost::asio::awaitable<Result<Migrated>> check_migrations(boost::asio::any_io_executor executor, postgres::Options options);

}  // namespace baton

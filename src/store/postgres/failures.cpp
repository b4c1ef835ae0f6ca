#include "store/postgres/failures.hpp"

namespace baton::store {

Error error_of(const postgres::Failure& failure) {
  if (postgres::is_passing(failure)) {
    return {.code = "store.unavailable",
            .what = "the database does not answer: " + failure.message,
            .where = failure.state,
            .way_out = "nothing is lost: it is tried again when the database is back"};
  }
  // Tables or columns that are not there.
  const bool no_tables =
      failure.state == "42P01" || failure.state == "42703" || failure.state == "42704" || failure.state == "3F000";
  return {.code = no_tables ? "store.unavailable" : "store.damaged",
          .what = "the database refuses a statement: " + failure.message,
          .where = failure.state,
          .way_out = no_tables ? "bring its tables up to date: baton migrate" : "look at the server's log"};
}

}  // namespace baton::store

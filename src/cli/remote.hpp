/// Work that a server does: which project is meant there, and how it gets there.
#pragma once

#include "cli/session.hpp"

namespace baton::cli {

/// Makes the session's server, and finds the project's id there: `--project`, or it follows from the user and the pipeline's name.
/// Speaks to nobody yet. Errors: usage.*, input.* (the name stands in the document).
[[nodiscard]] Result<void> reach_server(Session& session);
/// Puts the document there, as it is now. Errors: those of Server::put_project, their places as typed.
awaitable<Result<void>> put_project(Session& session, const Pipeline& pipeline);
/// What a server says of the document names the file's absolute path; a person typed another.
[[nodiscard]] Error as_typed(const Session& session, Error error);
/// An answer that cannot be read: no fault of whoever typed.
[[nodiscard]] Error not_understood(const Error& error);
/// What this command asks for. Its `collection` is empty.
[[nodiscard]] Server::Start wanted(const Session& session);
/// How a person asks the same server for more of this pipeline: `baton cancel pipeline.yaml --server URL`.
[[nodiscard]] std::string command_line(const Session& session, std::string_view command);

/// What there is to read of the project's runs, here or there.
class Reading {
 public:
  /// Errors: those of House::read.
  static Result<Reading> open(const Session& session);
  Records& operator*() const { return *records_; }
  Records* operator->() const { return records_; }

 private:
  explicit Reading(std::unique_ptr<Store> own, Records& records) : own_(std::move(own)), records_(&records) {}
  std::unique_ptr<Store> own_;
  Records* records_;
};

}  // namespace baton::cli

/// A `baton serve`, or several that share one store, as one that is spoken to over a line. Each call tries again, and elsewhere, while
/// nobody answers. Errors of all: server.unreachable (nobody did for too long), auth.refused, server.bad_answer (it is no Baton, or of
/// another version), and what the server itself says.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ports/store.hpp"

namespace baton {

class Server : public Records {
 public:
  struct Upload {
    ProjectId id;
    std::string name;
    std::string document;  ///< the pipeline's text
    std::string file;      ///< its absolute path
    std::map<std::string, std::string> params;
  };
  /// Makes or replaces a project; runs that it has stay as they are. Errors: input.* (the document) · store.not_yours.
  virtual awaitable<Result<void>> put_project(Upload project) = 0;

  struct Start {
    ProjectId project;
    std::vector<std::string> nodes;  ///< steps or single tasks; empty: all
    bool force = false;
    bool keep_going = false;
    bool simulated = false;
    std::string collection;  ///< see NewRun: this start, sent again, joins the run that it began
  };
  struct Begun {
    std::optional<RunView> run;  ///< none: nothing has to run
    std::size_t to_run = 0;
    std::size_t nodes = 0;  ///< of the project
  };
  /// Errors: run.unfinished · input.* · store.not_found (the project).
  virtual awaitable<Result<Begun>> start(Start wanted) = 0;
  /// The desire is kept before this returns; its end comes later. `kill`: what runs is killed, not asked. Errors: store.not_found.
  virtual awaitable<Result<void>> stop(core::RunKey run, bool kill) = 0;

  /// The object of `baton plan --json`, as JSON text. Of `wanted`, project, nodes, force and simulated count.
  virtual awaitable<Result<std::string>> plan(Start wanted) = 0;
  /// The object of `baton why --json`, as JSON text.
  virtual awaitable<Result<std::string>> why(ProjectId project, std::vector<std::string> nodes) = 0;

  struct LogPart {
    std::string bytes;
    std::uint64_t next = 0;  ///< the offset to ask from next
    bool more = false;       ///< there is more by now, or its task has not ended
  };
  /// What an attempt wrote, from an offset on. `attempt`: 0 = the newest that wrote. Errors: log.none (nothing was written) · log.elsewhere.
  virtual awaitable<Result<LogPart>> log(core::RunKey run, NodeId node, std::int32_t attempt, std::uint64_t from) = 0;

  /// What has become of a run since it was last told of. States, not every transition; one may come twice.
  struct News {
    std::optional<RunView> run;
    std::vector<TaskView> tasks;
    std::map<NodeId, double> progress;
    bool end = false;  ///< the run is final and owes nothing: nothing more comes
  };
  class Watch {
   public:
    virtual ~Watch() = default;
    /// The first ones tell of the whole run. Also goes on where another connection, or another server, was broken off. Errors: also
    /// server.closed.
    virtual awaitable<Result<News>> next() = 0;
    /// Ends a next() that waits, and all later ones, with server.closed.
    virtual void close() = 0;
  };
  virtual std::unique_ptr<Watch> watch(core::RunKey run) = 0;

  /// Runs that are held, of all projects.
  virtual awaitable<Result<std::vector<RunView>>> held() = 0;
  /// Errors: store.not_found.
  virtual awaitable<Result<void>> release_held(core::RunKey run) = 0;
};

}  // namespace baton

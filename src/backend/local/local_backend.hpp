/// Jobs as processes of this host, begun and watched by the keeper (keeper.hpp).
///
/// Files below the state directory: `runs/<run uuid>/<folder>@<attempt>` is a job's work directory, `….log` what it wrote,
/// `….in.json` and `….out.json` what BATON_INPUTS and BATON_OUTPUTS name. A success leaves the log; a failure leaves all, to be looked at.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ports/backend.hpp"

namespace baton::local {

struct LocalOptions {
  std::string state;        ///< the state directory, absolute; made if it is missing
  std::string out;          ///< where outputs are published, absolute
  bool by_project = false;  ///< each project's in `<out>/<project id>`; the same for all who share the state directory
  std::uint32_t slots = 1;  ///< jobs at a time (`-j`)
  /// What this host has: `cpu` (else as `slots`), `ram` in bytes, `gpu`, names of the user's own. What is not named is without limit.
  std::map<std::string, double> resources;
  std::vector<std::string> environment;                         ///< NAME=VALUE: what a job sees beside its own
  std::vector<std::string> keeper{"/proc/self/exe", "keeper"};  ///< command of a keeper; `--state DIR` is added
};
/// This process's own, as `LocalOptions::environment`.
[[nodiscard]] std::vector<std::string> own_environment();

/// All on the one thread that runs the executor's context.
class LocalBackend final : public Backend {
 public:
  LocalBackend(Runtime& runtime, boost::asio::any_io_executor executor, LocalOptions options);
  /// Lets go of the keeper; what runs goes on.
  ~LocalBackend() override;

  awaitable<Result<void>> submit(std::vector<core::Job> jobs) override;
  awaitable<Observed> observe(core::RunKey run, std::vector<JobId> ask, Cursor after) override;
  awaitable<Result<void>> bar(core::RunKey run, std::vector<JobId> jobs) override;
  awaitable<Result<void>> cancel(core::RunKey run, std::vector<core::Kill> jobs) override;
  awaitable<Result<void>> release(core::RunKey run, std::vector<JobId> jobs) override;
  void unfollow(const core::RunKey& run, const std::vector<JobId>& jobs) override;
  void forget_run(const core::RunKey& run) override;
  awaitable<Result<std::vector<Push>>> pushes() override;
  std::vector<JobProgress> take_progress() override;
  [[nodiscard]] std::uint32_t slots() const override;
  void close() override;
  /// How many jobs that were sent from here another replica has barred: while they waited, or before they came (R15).
  [[nodiscard]] std::uint64_t claims_refused() const;

 private:
  class Followed;
  std::shared_ptr<Followed> followed_;
};

}  // namespace baton::local

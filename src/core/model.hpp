/// A project as data: what the user asked for, whichever document it came from. Nothing here knows of runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/ids.hpp"

namespace baton::core {

using Duration = std::chrono::microseconds;
using Instant = std::chrono::sys_time<std::chrono::microseconds>;  ///< UTC; in a run always the store's clock (R5)

/// Where a part stands in its document; 0 = unknown. Both count from 1, columns in characters.
struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  bool operator==(const Place&) const = default;
};

/// A value of a port, a parameter or a foreach variable, as canonical JSON text: keys sorted, no white space, UTF-8 as it is.
/// Equal values have equal texts.
struct Value {
  std::string json;
  auto operator<=>(const Value&) const = default;
};

// ---- inputs -----------------------------------------------------------------------------------------------------
struct Literal {
  Value value;
  bool operator==(const Literal&) const = default;
};
struct Param {
  std::string name;
  Value value;
  bool operator==(const Param&) const = default;
};
/// A file or folder of the user's. The path is absolute.
struct FileInput {
  std::string path;
  bool directory = false;
  bool by_stat = false;  ///< `digest: stat`: size and mtime stand for the content
  bool operator==(const FileInput&) const = default;
};
/// An output of another node; `gather`: of several, as a list in this order.
struct From {
  struct Source {
    Index node = 0;
    std::string port;
    /// In a run only: what a producer made that is not part of the run (`node` means nothing then).
    std::shared_ptr<const struct Product> given;
    bool operator==(const Source&) const = default;
  };
  std::vector<Source> sources;  ///< exactly one unless `gather`
  bool gather = false;
  bool operator==(const From&) const = default;
};
struct Input {
  std::string port;
  std::variant<Literal, Param, FileInput, From> source;
  bool operator==(const Input&) const = default;
};

// ---- outputs ----------------------------------------------------------------------------------------------------
enum class OutputKind : std::uint8_t { file, directory, number, integer, string, boolean, json };
struct Output {
  std::string port;
  OutputKind kind = OutputKind::file;
  std::string name;      ///< file, directory: relative to the work directory; else empty
  bool by_stat = false;  ///< `digest: stat`
  bool operator==(const Output&) const = default;
};
[[nodiscard]] constexpr bool is_path(OutputKind kind) { return kind == OutputKind::file || kind == OutputKind::directory; }

// ---- what is run, and within which limits ---------------------------------------------------------------------------
/// Texts hold `${…}` as written: only the backend knows the paths that they stand for (core/substitute.hpp).
struct Command {
  bool shell = true;               ///< one word, for `/bin/sh -eu -c`; else argv
  std::vector<std::string> words;  ///< empty: no backend can run it (a node of another system's kind)
  bool operator==(const Command&) const = default;
};
struct Limits {
  std::optional<Duration> run;               ///< from begun to ended
  std::optional<Duration> silence;           ///< without a byte of output
  std::optional<Duration> waiting;           ///< from ready to begun
  Duration grace = std::chrono::seconds(5);  ///< from TERM to KILL
  bool operator==(const Limits&) const = default;
};
struct Retries {
  std::int32_t max = 0;                        ///< attempts after the first, for failures
  std::int32_t lost = 1;                       ///< attempts after a lost one, counted alone (R7)
  Duration backoff = std::chrono::seconds(0);  ///< before the first retry; doubles with each
  bool on_exit = true, on_timeout = true, on_oom = true;
  bool operator==(const Retries&) const = default;
};
/// `cpu` in cores, `ram` in bytes, `gpu` in devices, any other name as counted by the user.
using Resources = std::map<std::string, double>;

/// What all nodes of one step of the document share (a step with `foreach` becomes many nodes). Immutable.
struct Step {
  std::string name;
  Command command;
  std::vector<Output> outputs;             ///< in document order
  std::map<std::string, std::string> env;  ///< as written, `${…}` unresolved
  Resources resources;
  Limits limits;
  Retries retries;
  bool cache = true;             ///< false: always runs
  std::string image;             ///< container image; empty = none
  std::vector<FileInput> files;  ///< extra scripts, copied into the work directory under their last name
  std::string label, description;
  Place place;
  bool operator==(const Step&) const = default;
};

/// A node of the graph: a step, or one of the tasks that its `foreach` makes.
struct Node {
  NodeId id;                                           ///< `align`, `align[a]`, `align[a,x]`
  std::shared_ptr<const Step> step;                    ///< never null
  std::vector<std::pair<std::string, Value>> foreach;  ///< variable and value, in the order of the document
  std::vector<std::pair<std::string, Value>> params;   ///< those that command or env name by `${params.P}`, sorted by name
  std::vector<Input> inputs;                           ///< in document order
  std::vector<Index> after;                            ///< order without data; no duplicates
};

struct Project {
  std::string name;
  std::string file;         ///< the document, for messages; may be empty
  std::vector<Node> nodes;  ///< in document order; `From` and `after` point into it
};

/// The nodes that a node waits for: sources of its inputs, then `after`; sorted, each once.
[[nodiscard]] std::vector<Index> predecessors(const Node& node);

/// The folder names of a node below `baton-out` and the state directory: `{step}` or `{step}/{values joined by ,}`, escaped and cut as
/// the pipeline format says (bytes outside `[A-Za-z0-9._-]` of a value are `%XX`, …). Never empty, never `.` or `..`, at most one `/`.
[[nodiscard]] std::string folder_of(const Node& node);

// ---- what is known of content ----------------------------------------------------------------------------------------
/// A file's or folder's content as last read.
struct Stamp {
  std::string path;     ///< absolute
  std::string stat;     ///< size, mtime, ctime, inode (of all files, for a folder), opaque: equal texts = not touched
  std::string digest;   ///< SHA-256, 64 hex digits
  bool settled = true;  ///< false: the file was younger than 2 s when it was read, so an equal `stat` proves nothing
  bool operator==(const Stamp&) const = default;
};
/// What a task made at one output port: a value, or a stamped path.
struct Product {
  std::string port;
  std::variant<Value, Stamp> content;
  bool operator==(const Product&) const = default;
};
using Products = std::vector<Product>;  ///< in the order of `Step::outputs`

/// The digest of a product, as consumers see it: of the value's text or of the content.
[[nodiscard]] std::string digest_of(const Product& product);

/// The key of a task, by part, so that "why did it run again" has an answer (design: key digests by part).
struct Key {
  std::string definition;  ///< command, env, image, outputs, files, foreach values, params used
  std::map<std::string, std::string>
      inputs;  ///< port -> digest; empty digest = not known, or moved while the task ran: never equal
  bool operator==(const Key&) const = default;
};

/// The last success of a node: what "up to date" is measured against.
struct Success {
  RunId run;
  Iteration iteration;
  std::int32_t attempt = 0;
  Key key;
  Products products;
  std::vector<Stamp> stamps;  ///< of the input files as they were read for that task
  Instant submitted, started, ended;
  std::string log;
  bool simulated = false;  ///< `--simulate`: counts for later simulated runs only
};
/// Whether two are the same success, of the same attempt, whatever stamps they bear.
[[nodiscard]] inline bool is_same(const Success& one, const Success& other) {
  return one.run == other.run && one.attempt == other.attempt;
}

}  // namespace baton::core

#include "formats/yaml_tree.hpp"

#include <yaml.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "formats/complaints.hpp"
#include "formats/json_escapes.hpp"
#include "formats/nearest.hpp"
#include "formats/source_text.hpp"

namespace baton::formats {
namespace {

constexpr std::uint64_t node_cost = 16;

struct Parser {
  explicit Parser(std::string_view text) {
    ready = yaml_parser_initialize(&raw) == 1;
    if (!ready) return;
    yaml_parser_set_encoding(&raw, YAML_UTF8_ENCODING);  // else it would guess UTF-16 from the first bytes
    yaml_parser_set_input_string(&raw, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~Parser() {
    if (ready) yaml_parser_delete(&raw);
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  yaml_parser_t raw{};
  bool ready = false;
};

struct Event {
  explicit Event(Parser& parser) { good = yaml_parser_parse(&parser.raw, &raw) == 1; }
  ~Event() {
    if (good) yaml_event_delete(&raw);
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  yaml_event_t raw{};
  bool good = false;
};

core::Place place_of(const yaml_mark_t& mark) {
  return {static_cast<std::uint32_t>(mark.line) + 1, static_cast<std::uint32_t>(mark.column) + 1};
}

std::string text_of(const yaml_char_t* text) { return text == nullptr ? std::string() : reinterpret_cast<const char*>(text); }

std::string_view without_mark(std::string_view text) { return text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text; }

class Builder {
 public:
  /// @param text    without byte order mark; as long as `source`
  /// @param source  as people see it
  Builder(std::string_view text, std::string_view source, const std::string& file, const YamlLimits& limits)
      : text_(source), limits_(limits), bad_(source, file), parser_(text) {
    constexpr std::size_t first_bytes = 4096, bytes_for_each = 6;  // of a usual document: then one piece is enough
    tree_.memory = std::make_unique<std::pmr::monotonic_buffer_resource>(
        first_bytes + bytes_for_each * std::min(source.size(), limits.bytes_max));
  }

  Result<YamlTree> build() {
    if (text_.size() > limits_.bytes_max) {
      bad_.add("input.too_big", {1, 1}, "the document has " + std::to_string(text_.size()) + " bytes",
               "at most " + std::to_string(limits_.bytes_max) + " are read");
    } else if (!parser_.ready) {
      bad_.add("input.too_big", {1, 1}, "there is no memory to read the document");
    }
    for (bool more = true; more && !bad_.any();) {
      const Event event(parser_);
      if (event.good) {
        more = take(event.raw);
      } else {
        complain_of_syntax();
      }
    }
    if (bad_.any()) return fail(bad_.first());
    return std::move(tree_);
  }

 private:
  bool take(const yaml_event_t& event) {
    const auto place = place_of(event.start_mark);
    switch (event.type) {
      case YAML_STREAM_END_EVENT: return false;
      case YAML_DOCUMENT_START_EVENT:
        if (tree_.root != nullptr) bad_.add("input.yaml", place, "a second document begins here", "give one document a file");
        break;
      case YAML_ALIAS_EVENT: alias(text_of(event.data.alias.anchor), place); break;
      case YAML_SCALAR_EVENT: scalar(event, place); break;
      case YAML_SEQUENCE_START_EVENT:
        open(YamlNode::Kind::list, event.data.sequence_start.anchor, event.data.sequence_start.tag, place);
        break;
      case YAML_MAPPING_START_EVENT:
        open(YamlNode::Kind::object, event.data.mapping_start.anchor, event.data.mapping_start.tag, place);
        break;
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT: close(); break;
      default: break;
    }
    return true;
  }

  /// Trivial types only: they are never destroyed, their memory goes with the tree.
  template <class T>
  T* allocate(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(tree_.memory->allocate(count * sizeof(T), alignof(T)));
  }

  YamlNode& make(YamlNode::Kind kind, const yaml_char_t* anchor, const yaml_char_t* tag, core::Place place) {
    if (++nodes_ > limits_.nodes_max) {
      bad_.add("input.too_big", place, "the document has more than " + std::to_string(limits_.nodes_max) + " values");
    }
    if (tag != nullptr) {
      bad_.add("input.yaml", place, "the tag " + quote(text_of(tag)) + " is not part of the format",
               "leave it out; write text that looks like a number in quotes");
    }
    auto& node = *new (allocate<YamlNode>(1)) YamlNode();
    node.kind = kind;
    node.place = place;
    if (anchor != nullptr) anchors_[text_of(anchor)] = &node;
    return node;
  }

  void scalar(const yaml_event_t& event, core::Place place) {
    const auto& scalar = event.data.scalar;
    auto& node = make(YamlNode::Kind::scalar, scalar.anchor, scalar.tag, place);
    node.plain = scalar.style == YAML_PLAIN_SCALAR_STYLE;
    auto* text = allocate<char>(scalar.length);
    if (scalar.length > 0) std::memcpy(text, scalar.value, scalar.length);
    node.text = {text, scalar.length};
    node.expanded = node_cost + scalar.length;
    node.complete = true;
    if (node.text.find('\0') != std::string_view::npos) {
      bad_.add("input.encoding", place, "a text holds the character NUL", "no command, path or name can hold it");
    }
    attach(node, place);
  }

  void open(YamlNode::Kind kind, const yaml_char_t* anchor, const yaml_char_t* tag, core::Place place) {
    if (open_.size() >= limits_.depth_max) return too_deep(place);
    auto& node = make(kind, anchor, tag, place);
    attach(node, place);
    open_.push_back({&node, waiting_.size()});
  }

  void close() {
    auto& node = *open_.back().node;
    take_items(node, open_.back().first_item);
    open_.pop_back();
    node.expanded = node_cost;
    for (const auto* item : node.items) {
      node.expanded += item->expanded;
      node.height = std::max(node.height, item->height);
    }
    ++node.height;
    node.complete = true;
    if (node.is_object()) check_keys(node);
  }

  /// Those that wait since it was opened.
  void take_items(YamlNode& node, std::size_t first) {
    const auto count = waiting_.size() - first;
    auto* items = allocate<const YamlNode*>(count);
    std::copy_n(waiting_.begin() + static_cast<std::ptrdiff_t>(first), count, items);
    node.items = std::span<const YamlNode* const>(items, count);
    waiting_.resize(first);
  }

  void alias(const std::string& name, core::Place place) {
    const auto found = anchors_.find(name);
    if (found == anchors_.end()) {
      bad_.add("input.alias", place, "the alias '*" + name + "' stands for nothing",
               "write '&" + name + "' before the value it means");
      return;
    }
    const auto& node = *found->second;
    if (!node.complete) {
      bad_.add("input.alias", place, "the alias '*" + name + "' stands within what it means", "it would never end");
      return;
    }
    if (open_.size() + node.height > limits_.depth_max) return too_deep(place);
    aliased_ += node.expanded;
    if (aliased_ > limits_.alias_bytes_max) {
      bad_.add("input.alias", place,
               "the aliases up to here, written out, are more than " + std::to_string(limits_.alias_bytes_max) + " bytes",
               "use fewer");
    }
    attach(node, place);
  }

  void too_deep(core::Place place) {
    bad_.add("input.too_deep", place, "lists and objects are nested deeper than " + std::to_string(limits_.depth_max));
  }

  void attach(const YamlNode& node, core::Place place) {
    if (open_.empty()) {
      tree_.root = &node;
      return;
    }
    const auto& [parent, first] = open_.back();
    const bool key = parent->is_object() && (waiting_.size() - first) % 2 == 0;
    waiting_.push_back(&node);
    if (!key) return;
    if (!node.is_scalar()) {
      bad_.add("input.yaml", place, "a list or an object cannot be a key", "keys are texts");
    } else if (node.plain && node.text == "<<") {
      bad_.add("input.yaml", place, "merge keys ('<<') are not part of the format", "'defaults' is merged into every node");
    }
  }

  void check_keys(const YamlNode& object) {
    std::unordered_set<std::string_view> seen;
    const bool few = object.fields() <= 8;
    for (std::size_t i = 0; i < object.fields() && !bad_.any(); ++i) {
      bool doubled = false;
      if (few) {
        for (std::size_t j = 0; j < i; ++j) doubled = doubled || object.key(j).text == object.key(i).text;
      } else {
        doubled = !seen.insert(object.key(i).text).second;
      }
      if (doubled) complain_of_doubled(object, object.key(i));
    }
  }

  void complain_of_doubled(const YamlNode& object, const YamlNode& key) {
    std::size_t first = 0;
    while (object.key(first).text != key.text) ++first;
    const auto before = object.key(first).place;
    bad_.add("input.duplicate", key.place, quote(key.text) + " is given twice",
             "the first is in line " + std::to_string(before.line) + ", column " + std::to_string(before.column));
  }

  void complain_of_syntax() {
    const auto& raw = parser_.raw;
    const auto problem = std::string(raw.problem == nullptr ? "it cannot be read" : raw.problem);
    if (raw.error == YAML_READER_ERROR) {
      const auto offset = raw.problem_offset + (text_.starts_with("\xEF\xBB\xBF") ? 3 : 0);
      bad_.add("input.encoding", place_at(text_, offset), "the document is not clean UTF-8: " + problem, "save it as UTF-8 text");
    } else if (raw.error == YAML_MEMORY_ERROR) {
      bad_.add("input.too_big", place_of(raw.mark), "there is no memory to read the document");
    } else {
      std::string way_out;
      if (problem.find("Unicode character escape") != std::string::npos) {
        way_out = "YAML writes a character beyond U+FFFF as itself, or as \\U and eight digits";
      } else if (raw.context != nullptr) {
        const auto began = place_of(raw.context_mark);
        way_out = std::string(raw.context) + " that begins in line " + std::to_string(began.line) + ", column " +
                  std::to_string(began.column);
      }
      bad_.add("input.yaml", place_of(raw.problem_mark), "the document is not YAML: " + problem, way_out);
    }
  }

  std::string_view text_;
  YamlLimits limits_;
  Complaints bad_;
  Parser parser_;
  YamlTree tree_;
  struct Open {
    YamlNode* node;
    std::size_t first_item;  ///< in `waiting_`
  };
  std::vector<Open> open_;
  std::vector<const YamlNode*> waiting_;  ///< items of open collections, of the outermost first
  std::size_t nodes_ = 0;
  std::unordered_map<std::string, const YamlNode*> anchors_;
  std::uint64_t aliased_ = 0;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view name) const {
  for (std::size_t i = 0; is_object() && i < fields(); ++i) {
    if (key(i).text == name) return &value(i);
  }
  return nullptr;
}

Result<YamlTree> read_yaml(std::string_view text, const std::string& file, const YamlLimits& limits) {
  const auto clean = without_mark(text);
  if (text.size() > limits.bytes_max) return Builder(clean, text, file, limits).build();
  const auto escapes = json_escapes(clean);
  if (escapes.lone) {
    Complaints bad(text, file);
    bad.add(
        "input.encoding", place_at(text, *escapes.lone + (text.size() - clean.size())),
        "the escape " + quote(clean.substr(*escapes.lone, 6)) + " is half of a character, and its other half is not beside it",
        "such a pair is written as \\ud83d\\ude00");
    return fail(bad.first());
  }
  return Builder(escapes.text.empty() ? clean : std::string_view(escapes.text), text, file, limits).build();
}

}  // namespace baton::formats

# doxygen.awk - what `make docs` makes of a header: its comments, which are plain for readers, as Doxygen wants them.
#
#   /* before a declaration */          documents it, and those that follow without a comment or blank line between
#   declaration; /* behind it */        documents that field, constant or function
#   /* before constants, each with a comment of its own */   is said of all of them
#   /* ---- Section ---- */             a topic, the same one in every header
#   the comment at the head             the page of the file
#
# What the conventions at the head say once is filled in: struct_size, destroying, callbacks, setting up a struct.
# Names of the library become links, so a name that isn't there (any more) is a warning.

function escape(text) {
  gsub(/&/, "\\&amp;", text)
  gsub(/</, "\\&lt;", text)
  gsub(/>/, "\\&gt;", text)
  return text
}

# Comment text: links, code in backticks.
function prose(text,   out, word, open) {
  text = escape(text)
  out = ""
  while (match(text, /`|(fm|FM)_[A-Za-z0-9_]+/)) {
    word = substr(text, RSTART, RLENGTH)
    out = out substr(text, 1, RSTART - 1)
    text = substr(text, RSTART + RLENGTH)
    if (word == "`") {
      out = out ((open = !open) ? "<code>" : "</code>")
    } else if (word ~ /^FM_(SHARED|STATIC|BUILD)$|_$/ || text ~ /^(\.\.\.|\*)/) {
      out = out word # a family of names, or not ours to define
    } else {
      out = out "@ref " word " \"" word "\""
    }
  }
  return out text
}

# The code of a line; its comment goes to `behind`, with the lines it goes on to.
function split_line(line,   at, more) {
  behind = ""
  at = index(line, "/*")
  if (at == 0) return line
  behind = substr(line, at + 2)
  line = substr(line, 1, at - 1)
  while (behind !~ /\*\// && (getline more) > 0) {
    sub(/^[ \t]+/, "", more)
    behind = behind "\n" more
  }
  sub(/[ \t\n]*\*\/.*/, "", behind)
  return line
}

# What the conventions say of a field without a comment, or "".
function by_convention(field) {
  if (field == "struct_size") return " The size of the struct, as who filled it in knows it."
  if (field == "n") return " Rows."
  if (field == "dim") return " Columns of a row."
  if (field == "first_row") return " The index of the first row."
  if (sub(/_user$/, "", field)) return " The caller's pointer for " field "."
  return ""
}

# A field with its comment; `double a, b; /* c */` is two of them.
function print_field(code,   name, names, type, i, count) {
  name = code
  sub(/[ \t]*;[ \t]*$/, "", name)
  if (name ~ /,/ && name !~ /\(/) {
    match(name, /^ +[^ ]+ /)
    type = substr(name, 1, RLENGTH)
    count = split(substr(name, RLENGTH + 1), names, /, */)
  } else {
    type = name
    sub(/[A-Za-z0-9_]+(\[[0-9]+\])?$/, "", type)
    names[1] = substr(name, length(type) + 1)
    count = 1
  }
  for (i = 1; i <= count; i++) print type names[i] ";" trailing(behind != "" ? behind : by_convention(names[i]))
}

function trailing(text) { return text == "" ? "" : " /**<" prose(text) " */" }

# Constants that share what was said before the first of them.
function begin_group(code) {
  end_group()
  sub(/^#define /, "", code)
  match(code, /^FM_([A-Z]+_)?/)
  print "/** @name " substr(code, 1, RLENGTH) "...\n" prose(said) "\n@{ */"
  in_group = 1
}
function end_group() {
  if (in_group) print "/** @} */"
  in_group = 0
}

NR == 1 { # the head
  getline
  title = $2
  sub(/^ \* [^ ]* - /, "")
  brief = escape($0)
  while ((getline) > 0 && $0 !~ /\*\//) {
    if (/SPDX/) continue
    sub(/^ \* ?/, "")
    text = text $0 "\n"
  }
  text = "\n@verbatim\n" text "@endverbatim */"
  print "/** @file " title "\n@brief " brief text
  if (title == "flowmatch.h") print "/** @mainpage " brief text
  next
}

/^\/\* ---- / {
  section = $0
  gsub(/^\/\* -+ | -+ \*\/$/, "", section)
  id = tolower(section)
  gsub(/[^a-z]/, "_", id)
  if (topic) print "/** @} */"
  print "/** @addtogroup " id " " section "\n@{ */"
  topic = 1
  next
}

/^$/ { end_group(); said = ""; print; next }
/^#ifdef __cplusplus/ && topic { print "/** @} */"; topic = 0 }
/^#if .*_WIN32/ { # the ways to export, one word to readers
  while ($0 !~ /^#endif/ && (getline) > 0) continue
  print "/**" prose(said) " */\n#define FM_API"
  next
}
/^#(undef|define FM_DEFINE_INIT_)/ { while (/\\$/) getline; said = ""; next }
/^FM_DEFINE_INIT_\(/ {
  gsub(/.*\(|\).*/, "")
  print "/** Zero, the default in every field, and the size. */\nstatic inline void " $0 "_init(" $0 " *s);"
  next
}

{
  code = split_line($0)
  sub(/[ \t]+$/, "", code)
  if (code == "") { # before a declaration, or before several
    said = behind
    fresh = 1
    next
  }
  if (inside && code !~ /^}/) {
    if (said != "") print "/**" prose(said) " */"
    said = ""
    print_field(code)
    next
  }
  if (code ~ /^(FM_API|typedef|struct|#define)/) {
    if (!fresh && code ~ /_destroy\(/) said = " Gives the handle back; NULL does nothing."
    if (!fresh && code ~ /^typedef int32_t \(\*/) {
      said = code
      gsub(/.*const | .*/, "", said)
      said = " Gets " said ", which says what is asked for, and the caller's pointer; returns 0 to go on."
    }
    if (code ~ /^#define/ && behind != "" && fresh) begin_group(code)
    else if (said != "" && behind == "") print "/**" prose(said) " */"
    if (code ~ /^#define/ && behind != "") said = ""
    inside = code ~ /\{$/
    if (inside) said = ""
    fresh = 0
  }
  if (code ~ /^}/) inside = 0
  print code trailing(behind)
}

{
  "number": {{seq}},
  "who": {{frob 1}}
}

{
  "order": "{{uuid}}",
  "number": {{seq}},
  "customer": {{zipf customers 1.1}}
}
